import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import type { Image } from '../api/generated/image.ts';
import type { ImageStream, TagEventCondition, TagReference } from '../api/generated/image-stream.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import { isJsonObject } from '../api/json.ts';
import {
  comparableContent,
  contentBeyond,
  overruledCondition,
  shownTag,
  storedContent,
  type TagObjectContent,
  tagObjectContents,
} from './tag-object.ts';

const latest = dockerTag('latest', 'r.example/app:1');
const items = [itemOf('a', { generation: 3 })];
const conditions = [
  { type: 'ImportSuccess', status: 'False' as const, reason: 'NotFound', message: 'no', generation: 1 },
];

interface Case {
  readonly stream: ImageStream;
  /** The tags of its own spec; all of them without it. */
  readonly own?: readonly TagReference[];
  /** The tag as a person declared it. */
  readonly declared?: TagReference;
}

interface Wanted {
  readonly content: TagObjectContent;
  readonly overruled: TagEventCondition | undefined;
  readonly isDeclared: boolean;
}

function wantedOf({ stream, own = stream.spec?.tags ?? [], declared }: Case): Wanted {
  const content = tagObjectContents(stream, own, undefined).get('latest');
  if (content === undefined) throw new Error('the tag gets no object');
  return {
    content,
    overruled: overruledCondition(stream, content, declared),
    isDeclared: declared !== undefined,
  };
}

/** The Image of the tag, as an import leaves it. */
const image: Image = {
  apiVersion: 'image.openshift.io/v1crd',
  kind: 'Image',
  metadata: {
    name: digest('a').replace(':', '-'),
    annotations: {
      'image.openshift.io/dockerLayersOrder': 'ascending',
      'imagestream-operator/omitted': 'Labels',
    },
  },
  dockerImageReference: 'elsewhere.example/first@sha256:1',
  dockerImageMetadata: { Id: digest('c') },
};

/** The object that src/controllers/tag-object-writer.ts applies for a content, with what a person wrote beside it. */
function objectOf({ content, overruled, isDeclared }: Wanted, { declared }: Case): ImageStreamTag {
  const { tag, annotations, generation, updated } = content;
  const since = overruled === undefined ? [] : [{ ...overruled, lastTransitionTime: '2026-01-01T12:00:00Z' }];
  return {
    apiVersion: 'image.openshift.io/v1crd',
    kind: 'ImageStreamTag',
    metadata: { namespace: 'apps', name: 'web.latest', annotations: isDeclared ? {} : { ...annotations } },
    ...(declared === undefined ? {} : { tag: declared }),
    ...(isDeclared || tag === undefined ? {} : { tag: shownTag(tag) }),
    ...(generation === undefined ? {} : { generation }),
    lookupPolicy: content.lookupPolicy,
    conditions: [...content.conditions, ...since],
    ...(content.image === undefined ? {} : { image: shownImage(content.image, annotations) }),
    ...(updated === undefined ? {} : { updated }),
  };
}

function shownImage(
  { digest: name, dockerImageReference }: NonNullable<TagObjectContent['image']>,
  annotations: Readonly<Record<string, string>>,
): NonNullable<ImageStreamTag['image']> {
  if (name === '') return { dockerImageReference };
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = image;
  return {
    ...rest,
    metadata: { name, annotations: { ...metadata.annotations, ...annotations } },
    dockerImageReference,
  };
}

/** A value with the keys of its objects in reverse. */
function reversed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reversed) as T;
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, reversed(member)]);
  return Object.fromEntries(entries.toReversed()) as T;
}

const entry = { tag: 'latest', items };
const described = { ...latest, annotations: { description: 'the newest', 'imagestream-operator/x': 'y' } };
const cases: readonly (Case & { name: string })[] = [
  { name: 'a tag with an image', stream: streamOf([latest], [entry]) },
  { name: 'a tag that fails', stream: streamOf([latest], [{ ...entry, conditions }]) },
  { name: 'a tag that has no image yet', stream: streamOf([latest], [{ tag: 'latest', conditions }]) },
  { name: 'a tag that asks for nothing', stream: streamOf([{ name: 'latest' }]) },
  { name: 'a tag that only the history has', stream: streamOf([], [entry]) },
  { name: 'a tag with annotations', stream: streamOf([described], [entry]) },
  {
    name: 'a tag with annotations and no image',
    stream: streamOf([described], [{ tag: 'latest', conditions }]),
  },
  {
    name: 'a tag that only records a pull spec',
    stream: streamOf(
      [{ ...described, reference: true }],
      [{ tag: 'latest', items: [itemOf('a', { image: '' })] }],
    ),
  },
  {
    name: 'a tag with as many annotations as are shown',
    stream: streamOf(
      [{ ...latest, annotations: { a: 'x'.repeat(40_000), b: 'y'.repeat(25_530), zz: 'cut' } }],
      [entry],
    ),
  },
  {
    name: 'a tag with what is null and what is empty',
    stream: streamOf([{ ...latest, annotations: null, generation: null, importPolicy: {} }], [entry]),
  },
  {
    name: 'a stream whose images have short names',
    stream: { ...streamOf([latest], [entry]), spec: { tags: [latest], lookupPolicy: { local: true } } },
  },
  { name: 'a declared tag', stream: streamOf([described], [entry]), own: [], declared: described },
  {
    name: 'a declared tag that fails',
    stream: streamOf([latest], [{ tag: 'latest', conditions }]),
    own: [],
    declared: latest,
  },
  {
    name: 'a declared tag that is overruled',
    stream: streamOf([latest], [{ ...entry, conditions }]),
    declared: dockerTag('latest', 'r.example/app:2'),
  },
];

describe('the text by which an object is compared', () => {
  it.each(cases)('is the same for what is wanted and what is stored, for $name', (of) => {
    const wanted = wantedOf(of);
    const object = objectOf(wanted, of);
    const text = comparableContent(wanted.content, { owner: 'u1', ...wanted });
    expect(storedContent(object, { owner: 'u1', ...wanted })).toBe(text);
    expect(storedContent(reversed(object), { owner: 'u1', ...wanted })).toBe(text);
  });

  it('is the same for an object without members that are empty', () => {
    const of = { stream: streamOf([{ name: 'latest' }]) };
    const wanted = wantedOf(of);
    const { lookupPolicy: _policy, conditions: _conditions, ...bare } = objectOf(wanted, of);
    expect(storedContent(bare, { owner: 'u1', isDeclared: false })).toBe(
      comparableContent(wanted.content, { owner: 'u1', ...wanted }),
    );
  });

  it('is the same for an object whose tag is null', () => {
    const of = { stream: streamOf([], [entry]) };
    const wanted = wantedOf(of);
    expect(storedContent({ ...objectOf(wanted, of), tag: null }, { owner: 'u1', isDeclared: false })).toBe(
      comparableContent(wanted.content, { owner: 'u1', ...wanted }),
    );
  });
});

it('is the same for a declared tag that the stream has no room for', () => {
  const stream = streamOf([]);
  const content = contentBeyond(stream);
  const wanted = { content, overruled: overruledCondition(stream, content, latest), isDeclared: true };
  expect(
    storedContent(objectOf(wanted, { stream, declared: latest }), { owner: 'u1', isDeclared: true }),
  ).toBe(comparableContent(content, { owner: 'u1', ...wanted }));
});

describe('an object is written again', () => {
  const of = { stream: streamOf([described], [{ ...entry, conditions }]) };
  const wanted = wantedOf(of);
  const object = objectOf(wanted, of);
  const text = comparableContent(wanted.content, { owner: 'u1', ...wanted });

  it.each<{ name: string; changed: ImageStreamTag; owner?: string | undefined }>([
    { name: 'when its tag is another one', changed: { ...object, tag: latest } },
    { name: 'when its tag is missing', changed: { ...object, tag: null } },
    { name: 'when its generation is another one', changed: { ...object, generation: 4 } },
    {
      name: 'when the stream decides otherwise on short names',
      changed: { ...object, lookupPolicy: { local: true } },
    },
    { name: 'when nothing is wrong any more', changed: { ...object, conditions: [] } },
    {
      name: 'when its image is another one',
      changed: withImage({ metadata: { ...object.image?.metadata, name: digest('b') } }),
    },
    { name: 'when its image has no name', changed: withImage({ metadata: {} }) },
    {
      name: 'when its pull spec is another one',
      changed: withImage({ dockerImageReference: 'r.example/other' }),
    },
    {
      name: 'when the image lacks an annotation of the tag',
      changed: withImage({ metadata: { name: digest('a'), annotations: { other: 'x' } } }),
    },
    {
      name: 'when it got its image at another time',
      changed: { ...object, updated: '2026-01-02T00:00:00Z' },
    },
    { name: 'when another stream owns it', changed: object, owner: 'u2' },
    { name: 'when nobody owns it', changed: object, owner: undefined },
    { name: 'when somebody declares it', changed: object },
  ])('$name', ({ name, changed, ...more }) => {
    const owner = 'owner' in more ? more.owner : 'u1';
    expect(storedContent(changed, { owner, isDeclared: name.includes('declares') })).not.toBe(text);
  });

  it('when it has no image any more', () => {
    const { image: _, ...without } = object;
    expect(storedContent(without, { owner: 'u1', isDeclared: false })).not.toBe(text);
  });

  it('when it is overruled, but not because of since when', () => {
    const declared = dockerTag('latest', 'r.example/app:2');
    const overruled = wantedOf({ ...of, declared });
    const stored = objectOf(overruled, { ...of, declared });
    const later = (stored.conditions ?? []).map((condition) => ({
      ...condition,
      lastTransitionTime: '2027-01-01T00:00:00Z',
    }));
    const options = { owner: 'u1', isDeclared: true };
    const before = storedContent(stored, options);
    expect(storedContent({ ...stored, conditions: later.slice(1) }, options)).not.toBe(before);
    expect(storedContent({ ...stored, conditions: later.slice(0, 1) }, options)).not.toBe(before);
    expect(
      storedContent(
        { ...stored, conditions: [...(stored.conditions ?? []).slice(0, 1), ...later.slice(1)] },
        options,
      ),
    ).toBe(before);
  });

  it('not for what follows from the digest', () => {
    const changed = withImage({ dockerImageMetadata: { Id: 'other' }, dockerImageLayers: [] });
    expect(storedContent(changed, { owner: 'u1', isDeclared: false })).toBe(text);
  });

  function withImage(more: NonNullable<ImageStreamTag['image']>): ImageStreamTag {
    return { ...object, image: { ...object.image, ...more } };
  }
});
