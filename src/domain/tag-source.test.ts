import { describe, expect, it } from 'vitest';
import { digest, itemOf, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, NamedTagEventList } from '../api/generated/image-stream.ts';
import type { SourcedTag } from './import-attempt.ts';
import {
  followedTag,
  isOwn,
  type LocalSource,
  localSource,
  ownPullSpec,
  resolveSource,
} from './tag-source.ts';

type Kind = SourcedTag['from']['kind'];

const web = streamOf([]);

function tagFrom(kind: Kind, name: string, namespace?: string): SourcedTag {
  return { name: 'stable', from: { kind, name, ...(namespace === undefined ? {} : { namespace }) } };
}

describe('the source of a tag', () => {
  const tag = (stream: string, name: string, namespace = 'apps') => ({
    namespace,
    stream,
    kind: 'tag',
    tag: name,
  });
  const image = (stream: string, id: string, namespace = 'apps') => ({
    namespace,
    stream,
    kind: 'image',
    id,
  });
  it.each<{ name: string; of: SourcedTag; want: object | undefined }>([
    {
      name: 'is a tag of its own stream, named alone',
      of: tagFrom('ImageStreamTag', '1.2'),
      want: tag('web', '1.2'),
    },
    {
      name: 'is a tag of its own stream, named in full',
      of: tagFrom('ImageStreamTag', 'web:1'),
      want: tag('web', '1'),
    },
    { name: 'is a tag of another stream', of: tagFrom('ImageStreamTag', 'base:1'), want: tag('base', '1') },
    {
      name: 'is a tag of another namespace',
      of: tagFrom('ImageStreamTag', 'base:1', 'shared'),
      want: tag('base', '1', 'shared'),
    },
    {
      name: 'is a tag of the stream of the same name in another namespace',
      of: tagFrom('ImageStreamTag', '1', 'shared'),
      want: tag('web', '1', 'shared'),
    },
    {
      name: 'is in its own namespace when that is named or empty',
      of: tagFrom('ImageStreamTag', 'base:1', ''),
      want: tag('base', '1'),
    },
    {
      name: 'is an image of its own stream by its digest',
      of: tagFrom('ImageStreamImage', digest('a')),
      want: image('web', digest('a')),
    },
    {
      name: 'is an image of another stream by the beginning of its digest',
      of: tagFrom('ImageStreamImage', 'base@sha256:aaa', 'shared'),
      want: image('base', 'sha256:aaa', 'shared'),
    },
    {
      name: 'is an image by its hexadecimal part',
      of: tagFrom('ImageStreamImage', 'base@aaa'),
      want: image('base', 'aaa'),
    },
    {
      name: 'is not in the cluster for an image in a registry',
      of: tagFrom('DockerImage', 'a:b'),
      want: undefined,
    },
    { name: 'is nothing for two colons', of: tagFrom('ImageStreamTag', 'a:b:c'), want: undefined },
    { name: 'is nothing for two at signs', of: tagFrom('ImageStreamImage', 'a@b@c'), want: undefined },
    {
      name: 'is nothing without a stream before the colon',
      of: tagFrom('ImageStreamTag', ':b'),
      want: undefined,
    },
    {
      name: 'is nothing without a tag behind the colon',
      of: tagFrom('ImageStreamTag', 'a:'),
      want: undefined,
    },
    {
      name: 'is nothing without an image behind the at sign',
      of: tagFrom('ImageStreamImage', 'a@'),
      want: undefined,
    },
    { name: 'is nothing for an empty name', of: tagFrom('ImageStreamTag', ''), want: undefined },
  ])('$name', ({ of, want }) => {
    expect(localSource(web, of)).toEqual(want);
  });

  it('is in no namespace for a stream that has none', () => {
    const stream: ImageStream = { ...web, metadata: { name: 'web' } };
    const source = localSource(stream, tagFrom('ImageStreamTag', '1'));
    expect(source).toEqual({ namespace: '', stream: 'web', kind: 'tag', tag: '1' });
    expect(source === undefined ? undefined : isOwn(stream, source)).toBe(true);
  });
});

describe('a tag follows', () => {
  it.each<{ name: string; of: SourcedTag; want: string | undefined }>([
    { name: 'a tag of its own stream', of: tagFrom('ImageStreamTag', '1'), want: '1' },
    { name: 'the same one named in full', of: tagFrom('ImageStreamTag', 'web:1', 'apps'), want: '1' },
    { name: 'no tag of another stream', of: tagFrom('ImageStreamTag', 'base:1'), want: undefined },
    {
      name: 'no tag of another namespace',
      of: tagFrom('ImageStreamTag', 'web:1', 'shared'),
      want: undefined,
    },
    { name: 'no image of its own stream', of: tagFrom('ImageStreamImage', digest('a')), want: undefined },
    { name: 'no image in a registry', of: tagFrom('DockerImage', 'r.example/app:1'), want: undefined },
    { name: 'nothing by a name of the wrong form', of: tagFrom('ImageStreamTag', 'a:b:c'), want: undefined },
  ])('$name', ({ of, want }) => {
    expect(followedTag(web, of)).toBe(want);
  });
});

describe('what a source stands for', () => {
  const base = (...tags: NamedTagEventList[]): ImageStream =>
    streamOf([], tags, { namespace: 'shared', name: 'base' });
  const ofTag: LocalSource = { namespace: 'shared', stream: 'base', kind: 'tag', tag: '1' };
  const ofImage = (id: string): LocalSource => ({ namespace: 'shared', stream: 'base', kind: 'image', id });
  const hex = (beginning: string): string => beginning.padEnd(64, '0');
  const withImage = (image: string) => itemOf('0', { image, dockerImageReference: `r.example/app@${image}` });
  const [one, two] = [withImage(`sha256:${hex('11')}`), withImage(`sha256:${hex('12')}`)];
  const reference = itemOf('0', { image: '', dockerImageReference: '11.example/app:1' });
  const failed = {
    conditions: [{ type: 'ImportSuccess', status: 'False' as const, generation: 9 }],
    lastImport: { failures: 3 },
  };
  it.each([
    {
      name: 'is the newest image of a tag',
      source: ofTag,
      stream: base({ tag: '1', items: [two, one] }),
      want: two,
    },
    {
      name: 'is the newest image of a tag that fails by now',
      source: ofTag,
      stream: base({ tag: '1', items: [one], ...failed }),
      want: one,
    },
    {
      name: 'is the pull spec of a tag that only records one',
      source: ofTag,
      stream: base({ tag: '1', items: [reference, one] }),
      want: reference,
    },
    {
      name: 'is the image with a digest, from the end of a history too',
      source: ofImage(one.image),
      stream: base({ tag: 'a', items: [two] }, { tag: 'b', items: [two, one] }),
      want: one,
    },
    {
      name: 'is the one image that begins so, with the algorithm',
      source: ofImage('sha256:12'),
      stream: base({ tag: 'a', items: [one, two] }),
      want: two,
    },
    {
      name: 'is the one image that begins so, without the algorithm',
      source: ofImage('12'),
      stream: base({ tag: 'a', items: [one, two] }),
      want: two,
    },
    {
      name: 'is an image that stands in several histories, as in the first of them',
      source: ofImage('11'),
      stream: base({ tag: 'a', items: [one, two, one] }, { tag: 'b', items: [{ ...one, generation: 7 }] }),
      want: one,
    },
    {
      name: 'is never an item without an image',
      source: ofImage('1'),
      stream: base({ tag: 'a', items: [reference, one] }),
      want: one,
    },
  ])('$name', ({ source, stream, want }) => {
    expect(resolveSource(source, () => stream)).toEqual({ ok: true, item: want });
  });

  const noTag = 'imagestreamtag.image.openshift.io "shared/base:1" not found';
  const noImage = (id: string) => `imagestreamimage.image.openshift.io "shared/base@${id}" not found`;
  it.each([
    { name: 'a stream that cannot be had', source: ofTag, stream: undefined, detail: noTag },
    { name: 'a stream without a status', source: ofTag, stream: streamOf([]), detail: noTag },
    {
      name: 'a tag that is not there',
      source: ofTag,
      stream: base({ tag: '2', items: [one] }),
      detail: noTag,
    },
    {
      name: 'a tag without an image yet',
      source: ofTag,
      stream: base({ tag: '1', ...failed }),
      detail: noTag,
    },
    {
      name: 'a tag with an empty history',
      source: ofTag,
      stream: base({ tag: '1', items: [] }),
      detail: noTag,
    },
    {
      name: 'an image of a stream that cannot be had',
      source: ofImage('11'),
      stream: undefined,
      detail: noImage('11'),
    },
    {
      name: 'an image that no history has',
      source: ofImage('13'),
      stream: base({ tag: '1', items: [one, two] }, { tag: '2' }),
      detail: noImage('13'),
    },
    {
      name: 'the middle of a digest',
      source: ofImage('000'),
      stream: base({ tag: '1', items: [one] }),
      detail: noImage('000'),
    },
    {
      name: 'an image where there are only references',
      source: ofImage('11'),
      stream: base({ tag: '1', items: [reference] }),
      detail: noImage('11'),
    },
  ])('is nothing for $name', ({ source, stream, detail }) => {
    expect(resolveSource(source, () => stream)).toEqual({
      ok: false,
      failure: { code: 'source-not-found', detail },
    });
  });

  it('is looked for in the stream that is named', () => {
    const asked: unknown[] = [];
    resolveSource(ofTag, (source) => {
      asked.push(source);
      return undefined;
    });
    expect(asked).toEqual([ofTag]);
  });

  it('is nothing for a beginning of several images, which are named', () => {
    const stream = base({ tag: 'a', items: [one, two] });
    expect(resolveSource(ofImage('1'), () => stream)).toEqual({
      ok: false,
      failure: {
        code: 'source-ambiguous',
        detail: `multiple images match the prefix "1": ${one.image}, ${two.image}; name more of the digest`,
      },
    });
  });

  it('is nothing for a beginning of many images, of which five are named', () => {
    const items = Array.from({ length: 40 }, (_, i) => withImage(`sha256:${hex(`a${i + 10}`)}`));
    const found = resolveSource(ofImage('a'), () => base({ tag: 'a', items }));
    const detail = found.ok ? '' : found.failure.detail;
    expect(detail.match(/sha256:/g)).toHaveLength(5);
  });
});

describe('the pull spec of a copy', () => {
  const image = digest('a');
  const base = { namespace: 'shared', stream: 'base' };
  it.each([
    {
      name: 'names its own stream where the source named its own',
      reference: `reg.example:5000/shared/base@${image}`,
      want: `reg.example:5000/apps/web@${image}`,
    },
    {
      name: 'has the digest also where the source had a tag',
      reference: 'reg.example:5000/shared/base:1',
      want: `reg.example:5000/apps/web@${image}`,
    },
    ...[
      {
        name: 'another stream whose name only starts alike',
        reference: `reg.example:5000/shared/base2@${image}`,
      },
      { name: 'a repository below the stream', reference: `reg.example:5000/shared/base/sub@${image}` },
      { name: 'a stream with a longer name', reference: `reg.example:5000/shared/base-x@${image}` },
      { name: 'another stream', reference: `reg.example:5000/shared/other@${image}` },
      { name: 'another namespace', reference: `reg.example:5000/others/base@${image}` },
      { name: 'another registry', reference: `quay.io/shared/base@${image}` },
      {
        name: 'a registry whose port only starts alike',
        reference: `reg.example:50000/shared/base@${image}`,
      },
      { name: 'no tag and no digest', reference: 'reg.example:5000/shared/base' },
    ].map(({ name, reference }) => ({ name: `stays one of ${name}`, reference, want: reference })),
  ])('$name', ({ reference, want }) => {
    const item = itemOf('a', { dockerImageReference: reference });
    expect(ownPullSpec(web, base, item, 'reg.example:5000')).toBe(want);
  });

  it.each([
    { name: 'the cluster has no registry', more: {}, localRegistry: undefined },
    { name: 'there is no digest to name', more: { image: '' }, localRegistry: 'reg.example:5000' },
  ])('stays as it is where $name', ({ more, localRegistry }) => {
    const reference = 'reg.example:5000/shared/base:1';
    const item = itemOf('a', { dockerImageReference: reference, ...more });
    expect(ownPullSpec(web, base, item, localRegistry)).toBe(reference);
  });

  it('stays in its place where the source is the stream itself', () => {
    const reference = `reg.example:5000/apps/web@${image}`;
    const item = itemOf('a', { dockerImageReference: reference });
    expect(ownPullSpec(web, { namespace: 'apps', stream: 'web' }, item, 'reg.example:5000')).toBe(reference);
  });
});

it('tells its own stream from others', () => {
  expect(isOwn(web, { namespace: 'apps', stream: 'web' })).toBe(true);
  expect(isOwn(web, { namespace: 'apps', stream: 'base' })).toBe(false);
  expect(isOwn(web, { namespace: 'shared', stream: 'web' })).toBe(false);
});
