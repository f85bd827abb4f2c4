import { describe, expect, it } from 'vitest';
import {
  digest,
  dockerTag,
  factsOf,
  importSettings,
  itemOf,
  linkTag,
  streamOf,
} from '../../test/support/builders.ts';
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import type { LastImport } from './import-attempt.ts';
import { describeFailure } from './import-failure.ts';
import { planImports } from './import-plan.ts';
import type { SourceStreams } from './tag-source.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const registry = 'reg.example:5000';

/** The streams `base` of the namespaces `apps` and `shared`, and the stream itself. */
function sources(...tags: NamedTagEventList[]): SourceStreams {
  return ({ namespace, stream }) =>
    stream === 'base' ? streamOf([], tags, { namespace, name: 'base' }) : undefined;
}

function plan(stream: ImageStream, streams: SourceStreams = () => undefined, localRegistry?: string) {
  return planImports(stream, now, { ...importSettings, localRegistry }, factsOf({}, streams));
}

const fromTag = (name: string, namespace?: string): TagReference => ({
  name: 'latest',
  from: { kind: 'ImageStreamTag', name, ...(namespace === undefined ? {} : { namespace }) },
});
const fromImage = (name: string): TagReference => ({
  name: 'latest',
  from: { kind: 'ImageStreamImage', name },
});
const created = '2025-12-01T00:00:00Z';

describe('what a tag takes from another stream', () => {
  const pulled = (digit: string, repository = 'r.example/app') => `${repository}@${digest(digit)}`;
  const ours = (namespace: string) =>
    itemOf('a', { dockerImageReference: `${registry}/${namespace}/base:1` });
  it.each([
    {
      name: 'is the newest image of a tag, with its time',
      tag: fromTag('base:1'),
      streams: sources({ tag: '1', items: [itemOf('a'), itemOf('b')] }),
      want: { dockerImageReference: pulled('a'), image: digest('a'), created },
    },
    {
      name: 'is an image of its histories, without a time',
      tag: fromImage(`base@${digest('b').slice(0, 20)}`),
      streams: sources({ tag: '1', items: [itemOf('a'), itemOf('b')] }),
      want: { dockerImageReference: pulled('b'), image: digest('b'), created: undefined },
    },
    {
      name: 'is the pull spec of a tag that only records one',
      tag: fromTag('base:1'),
      streams: sources({
        tag: '1',
        items: [itemOf('a', { image: '', dockerImageReference: 'r.example/app:1' })],
      }),
      want: { dockerImageReference: 'r.example/app:1', image: '', created },
    },
    {
      name: "names its own place in the cluster's registry",
      tag: fromTag('base:1', 'shared'),
      streams: sources({ tag: '1', items: [ours('shared')] }),
      want: { dockerImageReference: pulled('a', `${registry}/apps/web`), image: digest('a'), created },
    },
    {
      name: "names the source's place when the tag is only a reference",
      tag: { ...fromTag('base:1', 'shared'), reference: true },
      streams: sources({ tag: '1', items: [ours('shared')] }),
      want: { dockerImageReference: `${registry}/shared/base:1`, image: digest('a'), created },
    },
  ])('$name', ({ tag, streams, want }) => {
    expect(plan(streamOf([tag]), streams, registry).tags).toEqual([
      { tag: 'latest', reason: 'new tag', attempt: expect.anything(), kind: 'copy', item: want },
    ]);
  });

  it('may be an image of its own history', () => {
    const stream = streamOf([fromImage('aaaa')], [{ tag: 'old', items: [itemOf('b'), itemOf('a')] }]);
    expect(plan(stream, () => stream).tags).toMatchObject([{ kind: 'copy', item: { image: digest('a') } }]);
  });

  it('is asked for as it is named, with the namespace', () => {
    const [planned] = plan(streamOf([fromTag('base:1', 'shared')])).tags;
    expect(planned?.attempt).toEqual({
      from: { kind: 'ImageStreamTag', name: 'base:1', namespace: 'shared' },
    });
  });
});

describe('when a tag takes something from another stream', () => {
  const from = { kind: 'ImageStreamTag', name: 'base:1' };
  const there = sources({ tag: '1', items: [itemOf('b')] });
  const missed = { from, failures: 1 };
  const asked = (value: string) => ({ annotations: { [importRequestedAnnotation]: value } });
  const taken = (lastImport: LastImport): NamedTagEventList => ({
    tag: 'latest',
    items: [itemOf('a')],
    lastImport,
  });
  it.each<{
    name: string;
    tag?: TagReference;
    last: LastImport | undefined;
    metadata?: object;
    streams?: SourceStreams;
    want: string | undefined;
  }>([
    { name: 'it is new', last: undefined, want: 'new tag' },
    { name: 'never again: the source has moved since', last: { from }, want: undefined },
    { name: 'another source is named', last: { from: { ...from, name: 'base:0' } }, want: 'source changed' },
    {
      name: 'another namespace is named',
      last: { from: { ...from, namespace: 'shared' } },
      want: 'source changed',
    },
    {
      name: 'the same name means an image now',
      last: { from: { ...from, kind: 'ImageStreamImage' } },
      want: 'source changed',
    },
    { name: 'an import is requested', last: { from }, metadata: asked('monday'), want: 'import requested' },
    {
      name: 'not when its own namespace is spelled out',
      tag: fromTag('base:1', 'apps'),
      last: { from },
      want: undefined,
    },
    {
      name: 'not when only what matters to registries is edited',
      tag: {
        ...fromTag('base:1'),
        importPolicy: { insecure: true },
        annotations: { 'importer.image.openshift.io/prefer-arch': 'arm64' },
      },
      last: { from },
      want: undefined,
    },
    {
      name: 'not when that request was answered',
      last: { from, requested: 'monday' },
      metadata: asked('monday'),
      want: undefined,
    },
    {
      name: 'its generation is set to 0',
      tag: { ...fromTag('base:1'), generation: 0 },
      last: { from, generation: 4 },
      want: 'generation set',
    },
    {
      name: 'not when that 0 was answered',
      tag: { ...fromTag('base:1'), generation: 0 },
      last: { from, generation: 0 },
      want: undefined,
    },
    {
      name: 'a generation is set for the first time',
      tag: { ...fromTag('base:1'), generation: 3 },
      last: { from },
      want: 'generation set',
    },
    { name: 'what it missed is there', last: missed, want: 'source available' },
    { name: 'not while what it missed is still missing', last: missed, streams: sources(), want: undefined },
    {
      name: 'not while what it missed has no image yet',
      last: missed,
      streams: sources({ tag: '1', conditions: [] }),
      want: undefined,
    },
    {
      name: 'not by the clock, however it is scheduled',
      tag: { ...fromTag('base:1'), importPolicy: { scheduled: true } },
      last: { from, attemptedAt: '2020-01-01T00:00:00Z' },
      want: undefined,
    },
  ])('$name', ({ tag = fromTag('base:1'), last, metadata = {}, streams = there, want }) => {
    const stream = streamOf([tag], last === undefined ? [] : [taken(last)], metadata);
    const { tags, wakeAt } = plan(stream, streams);
    expect(tags.map(({ reason }) => reason)).toEqual(want === undefined ? [] : [want]);
    // What is there later is heard of, not waited for.
    expect(wakeAt).toBeUndefined();
  });

  it('what was ambiguous is named by more of it, or is not ambiguous any more', () => {
    const id = { kind: 'ImageStreamImage', name: 'base@a' };
    const stream = streamOf([fromImage('base@a')], [taken({ from: id, failures: 1 })]);
    const two = sources({
      tag: '1',
      items: [itemOf('a'), itemOf('b', { image: `sha256:ab${'0'.repeat(62)}` })],
    });
    expect(plan(stream, two).tags).toEqual([]);
    expect(plan(stream, sources({ tag: '1', items: [itemOf('a')] })).tags).toMatchObject([
      { reason: 'source available', item: { image: digest('a') } },
    ]);
  });

  it('not when it follows a tag of its own stream: nothing is planned for that', () => {
    const tags = [
      linkTag('a', 'latest'),
      linkTag('b', 'web:x'),
      linkTag('c', 'c'),
      dockerTag('latest', 'r.example/a'),
    ];
    const stream = streamOf(tags, undefined, asked('monday'));
    expect(plan(stream).tags.map(({ tag }) => tag)).toEqual(['latest']);
  });
});

describe('the refusal of a source', () => {
  const messageOf = (tag: TagReference, streams: SourceStreams): string => {
    const [planned] = plan(streamOf([tag]), streams).tags;
    if (planned?.kind !== 'refuse') throw new Error(`not refused, but ${planned?.kind}`);
    return describeFailure(planned.failure, tag.from?.name ?? '').message;
  };
  const shared =
    'it is taken as soon as it is there and shared: system:serviceaccounts:apps must be allowed to get ' +
    'imagestreams/layers of base in shared, for example by a RoleBinding to the ClusterRole system:image-puller there';

  it.each([
    {
      name: 'of its own namespace names it',
      tag: fromTag('base:1'),
      want: 'imagestreamtag.image.openshift.io "apps/base:1" not found; it is taken as soon as it is there',
    },
    {
      name: 'of another namespace says what has to be allowed',
      tag: fromTag('base:1', 'shared'),
      want: `imagestreamtag.image.openshift.io "shared/base:1" not found; ${shared}`,
    },
    {
      name: 'that is an image names that',
      tag: fromImage('base@123'),
      want: 'imagestreamimage.image.openshift.io "apps/base@123" not found; it is taken as soon as it is there',
    },
  ])('$name', ({ tag, want }) => {
    expect(messageOf(tag, () => undefined)).toBe(want);
  });

  it('of another namespace reads the same whether it is absent, not shared, or has no such tag', () => {
    const tag = fromTag('base:1', 'shared');
    const messages = [() => undefined, sources(), sources({ tag: '2', items: [itemOf('a')] })].map(
      (streams) => messageOf(tag, streams),
    );
    expect(new Set(messages).size).toBe(1);
  });

  it('that is ambiguous says so, without a word on rights', () => {
    const items = [itemOf('a'), itemOf('b')];
    expect(messageOf(fromImage('base@sha256'), sources({ tag: '1', items }))).toBe(
      `multiple images match the prefix "sha256": ${digest('a')}, ${digest('b')}; name more of the digest`,
    );
  });

  it('that is no name says what one looks like', () => {
    expect(messageOf(fromImage('a@b@c'), () => undefined)).toBe(
      'spec.tags[latest].from.name: Invalid value: "a@b@c": must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>',
    );
  });
});
