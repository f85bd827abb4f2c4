import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { maxTags } from './effective-stream.ts';
import {
  contentBeyond,
  overruledCondition,
  shownAnnotations,
  shownTag,
  type TagObjectContent,
  tagObjectContents,
} from './tag-object.ts';

const registry = 'reg.example:5000';
const latest = dockerTag('latest', 'r.example/app:1');
const failure = [{ type: 'ImportSuccess', status: 'False' as const, reason: 'NotFound', generation: 1 }];

function contents(stream: ImageStream, own: TagReference[] = stream.spec?.tags ?? []) {
  return tagObjectContents(stream, own, registry);
}

describe('the tags that get an ImageStreamTag', () => {
  const withImage: NamedTagEventList = { tag: 'latest', items: [itemOf('a')] };
  it.each<{ name: string; tags: TagReference[]; entries?: NamedTagEventList[]; want: string[] }>([
    { name: 'are those with an image', tags: [latest], entries: [withImage], want: ['latest'] },
    {
      name: 'are those that failed',
      tags: [latest],
      entries: [{ tag: 'latest', conditions: failure }],
      want: ['latest'],
    },
    { name: 'are those of the history', tags: [], entries: [withImage], want: ['latest'] },
    {
      name: 'are those that ask for nothing',
      tags: [{ name: 'pushed' }, { name: 'null', from: null }],
      want: ['pushed', 'null'],
    },
    {
      name: 'are those that ask for nothing once, with what they have',
      tags: [{ name: 'latest' }],
      entries: [withImage],
      want: ['latest'],
    },
    {
      name: 'are not those that wait for their first answer',
      tags: [latest, linkTag('stable', 'latest')],
      want: [],
    },
  ])('$name', ({ tags, entries, want }) => {
    expect([...contents(streamOf(tags, entries)).keys()]).toEqual(want);
  });

  it('may be none', () => {
    const { spec: _, ...stream } = streamOf([]);
    expect(contents(stream).size).toBe(0);
  });
});

describe('what an ImageStreamTag says', () => {
  it('is all of the tag that is known', () => {
    const tag = { ...latest, annotations: { description: 'the newest', 'imagestream-operator/x': 'y' } };
    const items = [itemOf('a', { generation: 7 }), itemOf('b')];
    const stream = streamOf(
      [tag],
      [{ tag: 'latest', items, conditions: failure, lastImport: { failures: 1 } }],
    );
    const local = { ...stream, spec: { ...stream.spec, lookupPolicy: { local: true } } };
    expect(contents(local).get('latest')).toEqual({
      tag,
      generation: 7,
      lookupPolicy: { local: true },
      conditions: failure,
      image: { digest: digest('a'), dockerImageReference: `r.example/app@${digest('a')}` },
      annotations: { description: 'the newest' },
      updated: '2025-12-01T00:00:00Z',
    });
  });

  const nothing = { generation: undefined, lookupPolicy: { local: false }, conditions: [], image: undefined };
  const nowhere = { ...nothing, annotations: {}, updated: undefined };
  it.each<{ name: string; stream: ImageStream; own?: TagReference[]; want: object }>([
    {
      name: 'is little for a tag that has nothing',
      stream: streamOf([{ name: 'latest' }]),
      want: { ...nowhere, tag: { name: 'latest' } },
    },
    {
      name: 'is what went wrong for a tag that failed at once',
      stream: streamOf([latest], [{ tag: 'latest', conditions: failure }]),
      want: { ...nowhere, tag: latest, conditions: failure },
    },
    {
      name: 'is what went wrong for a tag with an empty history',
      stream: streamOf([latest], [{ tag: 'latest', items: [], conditions: failure }]),
      want: { ...nowhere, tag: latest, conditions: failure },
    },
    {
      name: 'is no tag for one that only the history has',
      stream: streamOf([], [{ tag: 'latest', items: [itemOf('a')] }]),
      want: { tag: undefined, image: { digest: digest('a') }, annotations: {} },
    },
    {
      name: 'is no tag for a declared one, but its annotations',
      stream: streamOf(
        [{ ...latest, annotations: { description: 'mine' } }],
        [{ tag: 'latest', items: [itemOf('a')] }],
      ),
      own: [],
      want: { tag: undefined, image: { digest: digest('a') }, annotations: { description: 'mine' } },
    },
    {
      name: "is the pull spec in the cluster's registry where that is asked for",
      stream: streamOf(
        [{ ...latest, referencePolicy: { type: 'Local' } }],
        [{ tag: 'latest', items: [itemOf('a')] }],
      ),
      want: { image: { digest: digest('a'), dockerImageReference: `${registry}/apps/web@${digest('a')}` } },
    },
    {
      name: 'is the pull spec alone for a tag that only records one',
      stream: streamOf(
        [{ ...latest, reference: true }],
        [{ tag: 'latest', items: [itemOf('a', { image: '', dockerImageReference: 'r.example/app:1' })] }],
      ),
      want: { image: { digest: '', dockerImageReference: 'r.example/app:1' }, generation: 1 },
    },
  ])('$name', ({ stream, own, want }) => {
    expect(contents(stream, own).get('latest')).toMatchObject(want);
  });
});

describe('a declared tag', () => {
  const stream = streamOf([latest], [{ tag: 'latest', items: [itemOf('a')] }], { generation: 4 });
  const content = contents(stream).get('latest') as TagObjectContent;

  it('that the stream has too is told that it does not count', () => {
    expect(overruledCondition(stream, content, dockerTag('latest', 'r.example/app:2'))).toEqual({
      type: 'Effective',
      status: 'False',
      reason: 'DefinedInStream',
      message:
        'the spec of the ImageStream web has the tag latest too, and counts; remove the tag there to let this ' +
        'ImageStreamTag decide, or delete this one',
      generation: 4,
    });
  });

  it.each<{ name: string; content: TagObjectContent; declared: TagReference | undefined }>([
    { name: 'is not there', content, declared: undefined },
    { name: 'is the only one', content: { ...content, tag: undefined }, declared: latest },
    {
      name: 'is the same',
      content,
      declared: { from: { name: 'r.example/app:1', kind: 'DockerImage' }, name: 'latest' },
    },
    {
      name: 'is the same but for what is null',
      content,
      declared: { ...latest, annotations: null, generation: null },
    },
  ])('is told nothing when it $name', ({ content: of, declared }) => {
    expect(overruledCondition(stream, of, declared)).toBeUndefined();
  });

  it.each<{ name: string; declared: TagReference }>([
    { name: 'annotations', declared: { ...latest, annotations: { a: 'b' } } },
    { name: 'a policy', declared: { ...latest, importPolicy: { scheduled: true } } },
    { name: 'a generation', declared: { ...latest, generation: 1 } },
  ])('does not count when it differs in $name', ({ declared }) => {
    expect(overruledCondition(stream, content, declared)).toBeDefined();
  });

  it.each([
    { name: 'the stream', spec: { tags: [], lookupPolicy: { local: true } }, local: true },
    { name: 'a stream that says nothing', spec: { tags: [] }, local: false },
  ])('that $name has no room for is told so, and shows nothing', ({ spec, local }) => {
    const beyond = contentBeyond({ ...stream, spec });
    const nothing = { tag: undefined, generation: undefined, image: undefined, updated: undefined };
    expect(beyond).toMatchObject({ ...nothing, lookupPolicy: { local }, conditions: [], annotations: {} });
    expect(overruledCondition(stream, beyond, latest)).toEqual({
      type: 'Effective',
      status: 'False',
      reason: 'TooManyTags',
      message:
        `the ImageStream web has ${maxTags} tags already, and no more count; delete tags that nobody uses, or declare ` +
        'this one for another stream',
      generation: 4,
    });
    expect(overruledCondition(stream, beyond, undefined)).toBeUndefined();
  });

  it('that is overruled in a stream that counts no generation says so too', () => {
    const { generation: _, ...metadata } = stream.metadata;
    const condition = overruledCondition(
      { ...stream, metadata },
      content,
      dockerTag('latest', 'r.example/app:2'),
    );
    expect(condition?.generation).toBe(0);
    expect(overruledCondition({ ...stream, metadata }, contentBeyond(stream), latest)?.generation).toBe(0);
  });
});

it('shows a tag without what is null', () => {
  const tag: TagReference = {
    ...latest,
    annotations: null,
    generation: null,
    importPolicy: { scheduled: true },
  };
  expect(shownTag(tag)).toEqual({ ...latest, importPolicy: { scheduled: true } });
});

describe('the annotations of a tag', () => {
  const long = 'x'.repeat(64);
  it.each([
    { key: 'description', shown: true },
    { key: 'Tags_1.x-y', shown: true },
    { key: 'example.com/owner', shown: true },
    { key: 'openshift.io/imported-from', shown: true },
    { key: 'importer.image.openshift.io/prefer-arch', shown: true },
    { key: long.slice(1), shown: true },
    { key: `a.${'b'.repeat(251)}/${long.slice(1)}`, shown: true },
    { key: long, shown: false },
    { key: `a.${'b'.repeat(252)}/name`, shown: false },
    { key: '', shown: false },
    { key: 'with blanks', shown: false },
    { key: '-x', shown: false },
    { key: 'x-', shown: false },
    { key: 'example.com/', shown: false },
    { key: '/name', shown: false },
    { key: 'a/b/c', shown: false },
    { key: 'Example.com/owner', shown: false },
    { key: 'a..b/name', shown: false },
    { key: 'a.-b/name', shown: false },
    { key: 'a-.b/name', shown: false },
    { key: '.a/name', shown: false },
    { key: '__proto__', shown: false },
    { key: 'kubectl.kubernetes.io/last-applied-configuration', shown: false },
    { key: 'imagestream-operator/import-requested', shown: false },
    { key: 'image.openshift.io/dockerLayersOrder', shown: false },
  ])('may stand on its object or not: $key', ({ key, shown }) => {
    const annotations = Object.fromEntries([[key, 'value']]);
    expect(shownAnnotations(annotations)).toEqual(shown ? annotations : {});
  });

  it.each([undefined, null])('are none for %s', (annotations) => {
    expect(shownAnnotations(annotations)).toEqual({});
  });

  it('are shown as far as there is room for them', () => {
    const [first, second] = ['x'.repeat(40_000), 'y'.repeat(30_000)];
    expect(shownAnnotations({ first, second, third: 'z' })).toEqual({ first });
  });

  it('take no room when they are not shown', () => {
    const hidden = { 'imagestream-operator/x': 'x'.repeat(70_000), 'not a key': 'x'.repeat(70_000) };
    expect(shownAnnotations({ ...hidden, description: 'short' })).toEqual({ description: 'short' });
  });
});
