import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import type { Image } from '../api/generated/image.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import {
  findImages,
  imageStreamImageView,
  imageStreamTagList,
  imageStreamTagView,
  imageTagList,
  imageTagView,
  imageView,
  parseImageName,
  parseTagName,
  type ViewSettings,
  writtenImageStreamTagView,
} from './reference-views.ts';

const nowhere = { localRegistry: undefined };
const registry = { localRegistry: 'reg.example:5000' };
const atSource = `r.example/app@${digest('a')}`;
const inCluster = `reg.example:5000/apps/web@${digest('a')}`;
const latest = dockerTag('latest', 'r.example/app:1', { generation: 3 });
const failure = { type: 'ImportSuccess', status: 'False' as const, reason: 'NotFound', generation: 9 };
const history: NamedTagEventList = {
  tag: 'latest',
  items: [itemOf('a', { generation: 3 }), itemOf('b')],
  conditions: [failure],
  lastImport: { failures: 2 },
  hasImageStreamTag: true,
};
const recorded: NamedTagEventList = {
  tag: 'latest',
  items: [itemOf('a', { image: '', dockerImageReference: 'r.example/app:1' }), itemOf('b')],
};
const streamMetadata = {
  labels: { team: 'red' },
  annotations: { 'example.com/of': 'the stream' },
  creationTimestamp: '2025-01-01T00:00:00Z',
};
/** What an Image has beside its name and its pull spec. */
const body = {
  dockerImageMetadata: { kind: 'DockerImage', Id: digest('c'), Size: 5 },
  dockerImageMetadataVersion: '1.0',
  dockerImageLayers: [{ name: digest('d'), size: 5, mediaType: 'm' }],
};
const imageMetadata = {
  uid: 'i1',
  resourceVersion: '3',
  creationTimestamp: '2025-11-11T11:11:11Z',
  annotations: { 'image.openshift.io/dockerLayersOrder': 'ascending', shared: 'of the image' },
};
const firstReference = `first.example/app@${digest('a')}`;
/** An Image as it is stored, with raw documents, which no view of a stream shows. */
const image: Image = {
  ...body,
  apiVersion: 'image.openshift.io/v1crd',
  kind: 'Image',
  metadata: { ...imageMetadata, name: `sha256-${'a'.repeat(64)}` },
  dockerImageReference: firstReference,
  dockerImageManifest: '{}',
  dockerImageConfig: '{}',
};
/** What of it is in a view of a stream. */
const contentWith = (dockerImageReference: string) => ({
  ...body,
  metadata: { ...imageMetadata, name: digest('a') },
  dockerImageReference,
});
const withAnnotations = (annotations: Record<string, string>): TagReference => ({ ...latest, annotations });

describe('an ImageStreamTag', () => {
  it('is the tag, its state and its image, under the identity of the stream', () => {
    const stream = streamOf([latest], [history], streamMetadata);
    expect(imageStreamTagView(stream, 'latest', image, nowhere)).toEqual({
      view: {
        apiVersion: 'image.openshift.io/v1',
        kind: 'ImageStreamTag',
        metadata: {
          name: 'web:latest',
          namespace: 'apps',
          uid: 'u1',
          resourceVersion: '7',
          labels: { team: 'red' },
          annotations: {},
          creationTimestamp: '2025-12-01T00:00:00Z',
        },
        tag: latest,
        generation: 3,
        lookupPolicy: { local: false },
        conditions: [failure],
        image: contentWith(atSource),
      },
    });
  });

  const view = (stream: ImageStream, of = image, settings: ViewSettings = nowhere) => {
    const found = imageStreamTagView(stream, 'latest', of, settings);
    return 'view' in found ? found.view : undefined;
  };

  it('puts the annotations of the tag over those of the image', () => {
    const added = { description: 'newest', shared: 'of the tag' };
    const shown = view(streamOf([withAnnotations(added)], [history], streamMetadata));
    expect(shown?.metadata.annotations).toEqual(added);
    expect(shown?.image.metadata.annotations).toEqual({
      'image.openshift.io/dockerLayersOrder': 'ascending',
      ...added,
    });
  });

  const local: TagReference = { ...latest, referencePolicy: { type: 'Local' } };
  it.each<[name: string, tags: TagReference[], settings: ViewSettings, want: string]>([
    ['where it was, when only the history has the tag', [], registry, atSource],
    ["in the cluster's registry, when the tag asks for it", [local], registry, inCluster],
    ['where it was, when there is no such registry', [local], nowhere, atSource],
    ['where it was, when the tag does not ask', [{ ...local, name: 'a' }, latest], registry, atSource],
  ])('says where its image is: %s', (_name, tags, settings, want) => {
    const stream = streamOf(tags, [history]);
    expect(view(stream, image, settings)?.image.dockerImageReference).toBe(want);
    expect(view(stream, image, settings)?.tag).toEqual(tags.at(-1) ?? null);
  });

  it('has the lookup policy of the stream', () => {
    const looked = { ...streamOf([], [history]), spec: { lookupPolicy: { local: true } } };
    expect(view(looked)?.lookupPolicy).toEqual({ local: true });
  });

  it('leaves out conditions and labels that nobody has', () => {
    const shown = view(streamOf([latest], [{ tag: 'latest', items: [itemOf('a')] }]));
    expect(Object.keys(shown ?? {})).not.toContain('conditions');
    expect(Object.keys(shown?.metadata ?? {})).not.toContain('labels');
  });

  it('shows an image that has no annotations, and one that is not named by a digest', () => {
    const plain = { ...image, metadata: { name: 'my-image' } };
    expect(view(streamOf([latest], [history]), plain)?.image.metadata).toEqual({ name: 'my-image' });
    const named = view(streamOf([withAnnotations({ a: 'b' })], [history]), plain);
    expect(named?.image.metadata).toEqual({ name: 'my-image', annotations: { a: 'b' } });
  });

  it.each<[name: string, tags: TagReference[], entries?: NamedTagEventList[]]>([
    ['nobody knows', [], []],
    ['has not been imported', [latest]],
    ['has no items', [latest], [{ tag: 'latest', items: [] }]],
    ['failed at once', [latest], [{ tag: 'latest', conditions: [failure] }]],
    ['only records a pull spec', [latest], [recorded]],
  ])('is not found for a tag that %s', (_name, tags, entries) => {
    const missing = { missing: 'imagestreamtags', name: 'web:latest' };
    expect(imageStreamTagView(streamOf(tags, entries), 'latest', image, nowhere)).toEqual(missing);
  });

  it('is not found without the Image of its tag, and names that', () => {
    const missing = { missing: 'images', name: digest('a') };
    expect(imageStreamTagView(streamOf([latest], [history]), 'latest', undefined, nowhere)).toEqual(missing);
  });
});

describe('an ImageStreamTag after a write', () => {
  const metadata = { name: 'web:latest', creationTimestamp: streamMetadata.creationTimestamp };
  const named = { metadata: { name: digest('a') }, dockerImageReference: atSource };
  const empty = { metadata, generation: 0, image: { metadata: { name: '' }, dockerImageReference: '' } };
  it.each<[name: string, entries: NamedTagEventList[], found: Image | undefined, want: object]>([
    ['is there without an image, from the time of the stream', [], undefined, empty],
    ['has nothing of an item that only records a pull spec', [recorded], image, empty],
    ['names an image whose object is gone', [history], undefined, { generation: 3, image: named }],
    ['is else as when it is read', [history], image, { tag: latest, image: contentWith(atSource) }],
  ])('%s', (_name, entries, found, want) => {
    const stream = streamOf([latest], entries, streamMetadata);
    expect(writtenImageStreamTagView(stream, 'latest', found, nowhere)).toMatchObject(want);
  });
});

describe('a list of ImageStreamTags', () => {
  const tags: TagReference[] = [
    { ...withAnnotations({ a: 'b' }), referencePolicy: { type: 'Local' } },
    dockerTag('new', 'r.example/app:2'),
  ];
  const failed = { tag: 'failed', conditions: [failure] };
  const entries = [{ ...recorded, tag: 'recorded' }, history, failed, { ...history, tag: 'gone' }];
  const stream = streamOf(tags, entries, streamMetadata);

  it('has every tag with an image, by name', () => {
    const names = imageStreamTagList(stream, nowhere).map(({ metadata }) => metadata.name);
    expect(names).toEqual(['web:gone', 'web:latest']);
  });

  it('says of the image its name and its pull spec only', () => {
    const [gone, listed] = imageStreamTagList(stream, registry);
    const metadata = { name: digest('a') };
    expect(listed?.image).toEqual({ metadata, dockerImageReference: inCluster });
    expect(gone?.image).toEqual({ metadata, dockerImageReference: atSource });
  });

  it('says all else that is said of a single one', () => {
    const single = imageStreamTagView(stream, 'latest', image, nowhere);
    const { image: _, ...rest } = imageStreamTagList(stream, nowhere)[1] ?? {};
    expect(single).toMatchObject({ view: rest });
    expect(rest).toMatchObject({ kind: 'ImageStreamTag', metadata: { annotations: { a: 'b' } } });
  });
});

describe('an ImageTag', () => {
  const stream = streamOf([withAnnotations({ shared: 'of the tag' })], [history], streamMetadata);

  it('is all of the tag, under the metadata of the stream', () => {
    expect(imageTagView(stream, 'latest', image, nowhere)).toEqual({
      view: {
        apiVersion: 'image.openshift.io/v1',
        kind: 'ImageTag',
        metadata: { ...stream.metadata, name: 'web:latest' },
        spec: withAnnotations({ shared: 'of the tag' }),
        status: { tag: 'latest', items: history.items, conditions: [failure] },
        image: contentWith(atSource),
      },
    });
  });

  const failed = streamOf([], [{ tag: 'latest', conditions: [failure] }]);
  const noItems = { tag: 'latest', items: [], conditions: [failure] };
  const recording = streamOf([], [recorded]);
  it.each<[name: string, of: ImageStream, found: Image | undefined, want: object]>([
    ['may be of the spec only', streamOf([latest]), image, { spec: latest, status: null, image: null }],
    ['may be of the status only', streamOf([], [history]), image, { spec: null, image: { metadata: {} } }],
    ['may have no history', failed, image, { status: noItems, image: null }],
    ['has no image when that is gone', stream, undefined, { status: { tag: 'latest' }, image: null }],
    ['has no image when only a pull spec is recorded', recording, image, { status: recorded, image: null }],
  ])('%s', (_name, of, found, want) => {
    expect(imageTagView(of, 'latest', found, nowhere)).toMatchObject({ view: want });
  });

  it("names the cluster's registry for a tag that asks for it", () => {
    const local = streamOf([{ ...latest, referencePolicy: { type: 'Local' } }], [history]);
    const want = { view: { image: { dockerImageReference: inCluster } } };
    expect(imageTagView(local, 'latest', image, registry)).toMatchObject(want);
  });

  it('is not found when neither spec nor status has it', () => {
    const missing = { missing: 'imagetags', name: 'web:other' };
    expect(imageTagView(stream, 'other', image, nowhere)).toEqual(missing);
  });

  it('is listed for every tag of spec or status, by name and without image', () => {
    const tags = [dockerTag('z', 'r.example/z'), latest, dockerTag('B', 'r.example/b')];
    const listed = imageTagList(streamOf(tags, [history, { ...history, tag: 'a' }]));
    expect(listed.map(({ metadata }) => metadata.name)).toEqual(['web:B', 'web:a', 'web:latest', 'web:z']);
    expect(listed.map((tag) => tag.image)).toEqual([null, null, null, null]);
    expect(listed[2]).toMatchObject({ kind: 'ImageTag', spec: latest, status: { items: history.items } });
  });
});

describe('an ImageStreamImage', () => {
  it('is the Image under the name that was asked for, with the annotations of the stream', () => {
    const stream = streamOf([withAnnotations({ a: 'b' })], [history], streamMetadata);
    expect(imageStreamImageView(stream, 'web@aaaa', image)).toEqual({
      apiVersion: 'image.openshift.io/v1',
      kind: 'ImageStreamImage',
      metadata: {
        name: 'web@aaaa',
        namespace: 'apps',
        creationTimestamp: '2025-11-11T11:11:11Z',
        annotations: { 'example.com/of': 'the stream' },
      },
      image: contentWith(firstReference),
    });
  });
});

describe('the images that an id may mean', () => {
  const index = digest('1');
  const other = `sha256:${'2'.repeat(63)}3`;
  const members: Record<string, string[]> = { [index]: [digest('2'), other], [digest('2')]: [digest('4')] };
  const items = [itemOf('a'), itemOf('1'), itemOf('b', { image: '' })];
  const odd = { tag: 'odd', items: [itemOf('a'), itemOf('a', { image: 'odd:abc' })] };
  const stream = streamOf([], [{ tag: 'latest', items }, odd]);
  it.each<[name: string, id: string, want: string[]]>([
    ['a digest', digest('a'), [digest('a')]],
    ['the start of a digest', 'sha256:aa', [digest('a')]],
    ['the start of its hexadecimal digits', 'aaaaaaa', [digest('a')]],
    ['all of its digits', 'a'.repeat(64), [digest('a')]],
    ['an image of an index', digest('2'), [digest('2')]],
    ['an image of an index in an index', '44', [digest('4')]],
    ['several', '222', [digest('2'), other]],
    ['all, those of histories first', 'sha256', [digest('a'), index, digest('2'), other, digest('4')]],
    ['what is no digest, by its start', 'odd:', ['odd:abc']],
    ['not what is no digest, by what follows a colon', 'abc', []],
    ['nothing in the middle of a digest', '256:', []],
    ['nothing in capitals', 'AAAA', []],
    ['nothing that nobody has', digest('b'), []],
    ['nothing for an empty id', '', []],
  ])('are %s', (_name, id, want) => {
    expect(findImages(stream, id, (of) => members[of] ?? [])).toEqual(want);
  });

  it('are few in an index that holds itself', () => {
    expect(findImages(stream, '1', () => [index])).toEqual([index]);
  });
});

describe('a name of two parts', () => {
  it('is that of a tag with one colon between two texts, and without @', () => {
    expect(parseTagName('web:latest')).toEqual({ stream: 'web', tag: 'latest' });
    expect(parseTagName('web:latest', 'ImageTags')).toEqual({ stream: 'web', tag: 'latest' });
  });

  it.each(['web', '', ':', 'web:', ':latest', 'web:1:2', 'web@1:2', 'web:1@2'])('is no tag: %j', (name) => {
    const message = 'must be retrieved with <name>:<tag>';
    expect(parseTagName(name)).toEqual({ message: `ImageStreamTags ${message}` });
    expect(parseTagName(name, 'ImageTags')).toEqual({ message: `ImageTags ${message}` });
  });

  it('is that of an image with one @ between two texts', () => {
    expect(parseImageName('web@sha256:ab')).toEqual({ stream: 'web', id: 'sha256:ab' });
    expect(parseImageName('web@ab')).toEqual({ stream: 'web', id: 'ab' });
  });

  it.each(['web', '', '@', 'web@', '@ab', 'web@a@b', 'web:latest'])('is no image: %j', (name) => {
    const message = 'ImageStreamImages must be retrieved with <name>@<id>';
    expect(parseImageName(name)).toEqual({ message });
  });
});

describe('an Image', () => {
  it('is what is stored, under its digest', () => {
    const { metadata } = image;
    expect(imageView(image)).toEqual({
      ...image,
      apiVersion: 'image.openshift.io/v1',
      metadata: { ...metadata, name: digest('a') },
    });
  });

  it.each<[stored: unknown, want: string]>([
    [`sha512-${'b'.repeat(128)}`, `sha512:${'b'.repeat(128)}`],
    ['my-image', 'my-image'],
    ['sha256-abc', 'sha256-abc'],
    [5, ''],
  ])('that is named %s is shown as %s', (name, want) => {
    expect(imageView({ ...image, metadata: { name } } as Image).metadata.name).toBe(want);
  });
});

it('nothing that is given is changed', () => {
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  };
  const stream = streamOf([withAnnotations({ a: 'b' })], [history], streamMetadata);
  freeze([stream, image]);
  expect(imageStreamTagView(stream, 'latest', image, registry)).toHaveProperty('view');
  expect(imageTagView(stream, 'latest', image, registry)).toHaveProperty('view');
  expect([...imageStreamTagList(stream, registry), ...imageTagList(stream)]).toHaveLength(2);
  expect(imageStreamImageView(stream, 'web@a', image).image.metadata).toEqual(imageView(image).metadata);
  expect(findImages(stream, 'a', () => [])).toEqual([digest('a')]);
});

describe('objects of a wrong shape', () => {
  it.each<[name: string, stream: object, names: string[]]>([
    ['no members', {}, []],
    ['null in all places', { metadata: null, spec: null, status: null }, []],
    ['texts for objects', { metadata: 'x', spec: 'x', status: 'x' }, []],
    ['no lists', { metadata: {}, spec: { tags: {} }, status: { tags: 1 } }, []],
    ['no tags in lists', { spec: { tags: [null, {}, { name: 2 }] }, status: { tags: [null, 'x'] } }, []],
    [
      'no items in tags',
      { spec: { lookupPolicy: 'x' }, status: { tags: [{ tag: 'latest', items: [null], conditions: [1] }] } },
      [':latest'],
    ],
    ['nothing in items', { status: { tags: [{ tag: 'latest', items: [{ image: 2 }] }] } }, [':latest']],
  ])('give no image and no error: %s', (_name, given, names) => {
    const stream = given as ImageStream;
    const missing = { missing: 'imagestreamtags', name: ':latest' };
    expect(imageStreamTagView(stream, 'latest', image, registry)).toEqual(missing);
    expect(imageStreamTagList(stream, registry)).toEqual([]);
    expect(writtenImageStreamTagView(stream, 'latest', image, registry).generation).toBe(0);
    expect('view' in imageTagView(stream, 'latest', image, registry)).toBe(names.length > 0);
    expect(imageTagList(stream).map(({ metadata }) => metadata.name)).toEqual(names);
    expect(imageStreamImageView(stream, 'web@a', {} as Image).image.metadata).toEqual({ name: '' });
    expect(findImages(stream, 's', () => [])).toEqual([]);
  });

  it('may be a stream without metadata, and a tag of odd members', () => {
    const odd = { name: 'latest', annotations: 'x', from: 'x', referencePolicy: { type: 'Local' } };
    const stream = { spec: { tags: [odd] }, status: { tags: [history] } } as unknown as ImageStream;
    const metadata = { name: ':latest', creationTimestamp: '2025-12-01T00:00:00Z', annotations: {} };
    expect(imageStreamTagView(stream, 'latest', image, registry)).toMatchObject({ view: { metadata } });
  });
});
