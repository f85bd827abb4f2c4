// The API face: Images under their digests.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { FaceFixture, startTestFace } from '../support/face-fixture.ts';
import { served } from '../support/face-view.ts';
import type { BuiltImage } from '../support/images.ts';
import { createFaceCredentials } from '../support/operator-rights.ts';

let face: FaceFixture;

beforeAll(async () => {
  face = await FaceFixture.start();
}, 120_000);
afterAll(() => face?.stop());

interface Event {
  readonly type: string;
  readonly object: Readonly<Record<string, unknown>> & {
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
  };
}

const asRows = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const asMetadata = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

function imagePath(digest: string): string {
  return `${served}/images/${digest}`;
}

/** Pushes an image and waits until the cluster has its Image. */
async function importedImage(tag: string): Promise<BuiltImage> {
  const image = await face.scenario.push(tag, `image ${tag}`);
  await face.scenario.createStream(tag, [tag]);
  await face.scenario.tagHas(tag, tag, image.digest);
  return image;
}

/** The events of a watch as the admin gets them; the watch ends with the scope. */
async function watchImages(query: string, accept = 'application/json') {
  const dispatcher = new Agent({ connect: { ca: face.cluster.facts.ca }, bodyTimeout: 0 });
  const { statusCode, body } = await request(
    `${face.cluster.facts.url}${served}/images?watch=true&${query}`,
    {
      dispatcher,
      headers: { authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}`, accept },
    },
  );
  expect(statusCode).toBe(200);
  const events = (async function* (): AsyncGenerator<Event> {
    let rest = '';
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as Event;
    }
  })();
  return {
    async next(): Promise<Event> {
      const { value } = (await events.next()) as { value: Event | undefined };
      if (value === undefined) throw new Error('the watch has ended');
      return value;
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}

async function patch(path: string, type: string, document: unknown) {
  const { statusCode, body } = await request(`${face.cluster.facts.url}${path}`, {
    method: 'PATCH',
    dispatcher: new Agent({ connect: { ca: face.cluster.facts.ca } }),
    headers: {
      authorization: `Bearer ${face.cluster.facts.tokens['admin'] ?? ''}`,
      'content-type': `application/${type}`,
    },
    body: JSON.stringify(document),
  });
  return { status: statusCode, body: (await body.json()) as Record<string, unknown> };
}

describe('Images', () => {
  it('are listed in the columns of the reference, by their digests', async () => {
    const [head, ...rows] = (await face.kubectl('get', 'images')).trim().split('\n');
    expect(head?.trim().split(/\s{2,}/)).toEqual(['NAME', 'IMAGE REFERENCE']);
    expect(rows.map((row) => row.split(/\s+/))).toContainEqual([
      face.pushed.digest,
      face.scenario.pinned(face.pushed.digest),
    ]);
    const [row] = (await face.kubectl('get', `images/${face.pushed.digest}`, '--no-headers')).split('\n');
    expect(row).toContain(face.pushed.digest);
  });

  it('are listed page by page, with a version to watch from', async () => {
    await importedImage('paged');
    const all = (await face.get(`${served}/images`)).body as {
      metadata: object;
      items: { metadata: { name: string } }[];
    };
    expect(all.metadata).toEqual({ continue: '', resourceVersion: expect.stringMatching(/^\d+$/) });
    const names = all.items.map(({ metadata }) => metadata.name);
    expect(names.length).toBeGreaterThanOrEqual(2);
    expect(JSON.stringify(all)).not.toContain('v1crd');
    const first = (await face.get(`${served}/images?limit=1`)).body as {
      metadata: { continue: string };
      items: { metadata: { name: string } }[];
    };
    const rest = (
      await face.get(`${served}/images?limit=400&continue=${encodeURIComponent(first.metadata.continue)}`)
    ).body as { items: { metadata: { name: string } }[] };
    expect([...first.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(names);
  });

  it.each([
    { operator: '=', finds: (digest: string) => [digest] },
    { operator: '!=', finds: () => [] },
  ])('are selected by their digest ($operator)', async ({ operator, finds }) => {
    const { digest } = face.pushed;
    const others = operator === '!=' ? [] : undefined;
    const { body } = await face.get(
      `${served}/images?fieldSelector=${encodeURIComponent(`metadata.name${operator}${digest}`)}`,
    );
    const { items } = body as { items: { metadata: { name: string } }[] };
    const names = items.map(({ metadata }) => metadata.name);
    expect(others === undefined ? names : names.filter((name) => name === digest)).toEqual(finds(digest));
  });

  it('are not found under what is no digest, nor under one that nobody has', async () => {
    for (const name of ['web', `sha256:${'0'.repeat(64)}`])
      expect((await face.get(imagePath(name))).body).toMatchObject({
        code: 404,
        message: `images.image.openshift.io "${name}" not found`,
      });
  });
});

describe('a watch of Images', () => {
  it('goes on from a list, with digests, as objects, as rows and as metadata', async () => {
    const { body } = await face.get(`${served}/images`);
    const { resourceVersion } = (body as { metadata: { resourceVersion: string } }).metadata;
    const from = `resourceVersion=${resourceVersion}`;
    await using objects = await watchImages(from);
    await using rows = await watchImages(from, asRows);
    await using metadata = await watchImages(from, asMetadata);
    const { digest } = await importedImage('watched');
    const event = await objects.next();
    expect(event).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Image', apiVersion: 'image.openshift.io/v1', metadata: { name: digest } },
    });
    expect(JSON.stringify(event)).not.toContain('v1crd');
    expect(await rows.next()).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ cells: [digest, face.scenario.pinned(digest)] }] },
    });
    expect(await metadata.next()).toMatchObject({
      type: 'ADDED',
      object: { kind: 'PartialObjectMetadata', metadata: { name: digest } },
    });
    // Who knows an event goes on behind it.
    await using later = await watchImages(`resourceVersion=${event.object.metadata.resourceVersion}`);
    await face.kubectl('annotate', `image/${digest}`, 'seen=yes');
    expect(await later.next()).toMatchObject({
      type: 'MODIFIED',
      object: { metadata: { name: digest, annotations: { seen: 'yes' } } },
    });
    await face.kubectl('delete', `image/${digest}`);
    expect(await later.next()).toMatchObject({ type: 'DELETED', object: { metadata: { name: digest } } });
  });

  it('of one image shows that one, with the end of what was there already', async () => {
    const { digest } = face.pushed;
    const selector = encodeURIComponent(`metadata.name=${digest}`);
    await using events = await watchImages(
      `fieldSelector=${selector}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    expect(await events.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: digest } } });
    expect(await events.next()).toMatchObject({
      type: 'BOOKMARK',
      object: {
        apiVersion: 'image.openshift.io/v1',
        metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    });
  });

  it('from a version that is too old says so', async () => {
    await using events = await watchImages('resourceVersion=1');
    expect(await events.next()).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410 } });
  });
});

describe('labels and annotations of an Image', () => {
  it.each([
    { type: 'merge-patch+json', document: { metadata: { annotations: { merge: 'x' } } }, key: 'merge' },
    {
      type: 'strategic-merge-patch+json',
      document: { metadata: { annotations: { strategic: 'x' } } },
      key: 'strategic',
    },
    {
      type: 'json-patch+json',
      document: [{ op: 'add', path: '/metadata/annotations/json', value: 'x' }],
      key: 'json',
    },
  ])('change by a $type', async ({ type, document, key }) => {
    const path = imagePath(face.pushed.digest);
    const dry = await patch(`${path}?dryRun=All`, type, document);
    expect(dry).toMatchObject({ status: 200, body: { metadata: { annotations: { [key]: 'x' } } } });
    expect((await face.get(path)).body).not.toMatchObject({ metadata: { annotations: { [key]: 'x' } } });
    const { status, body } = await patch(`${path}?fieldManager=me`, type, document);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'Image',
      metadata: { name: face.pushed.digest, annotations: { [key]: 'x' } },
    });
    expect(JSON.stringify(body)).toContain('"manager":"me"');
  });

  it('change by kubectl, and by an update of what was read', async () => {
    const path = imagePath(face.pushed.digest);
    await face.kubectl('label', `image/${face.pushed.digest}`, 'team=a');
    const read = (await face.get(path)).body as { metadata: { labels: object } };
    expect(read.metadata.labels).toMatchObject({ team: 'a' });
    const edited = {
      ...read,
      metadata: { ...read.metadata, labels: { ...read.metadata.labels, team: 'b' } },
    };
    expect(await face.send('PUT', path, edited)).toMatchObject({
      status: 200,
      body: { metadata: { labels: { team: 'b' } } },
    });
    // It has changed since.
    expect(await face.send('PUT', path, edited)).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    const { resourceVersion: _, ...unversioned } = edited.metadata as unknown as Record<string, unknown>;
    expect(await face.send('PUT', path, { ...edited, metadata: unversioned })).toMatchObject({
      status: 422,
      body: {
        message: `Image.image.openshift.io "${face.pushed.digest}" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update`,
      },
    });
  });

  it.each([
    {
      name: 'a merge patch of the pull spec',
      type: 'merge-patch+json',
      document: { dockerImageReference: 'evil.test/a:1' },
      field: 'dockerImageReference',
    },
    {
      name: 'a JSON patch of the metadata of the image',
      type: 'json-patch+json',
      document: [{ op: 'replace', path: '/dockerImageMetadata', value: {} }],
      field: 'dockerImageMetadata',
    },
    {
      name: 'a strategic merge patch of the layers',
      type: 'strategic-merge-patch+json',
      document: { dockerImageLayers: [] },
      field: 'dockerImageLayers',
    },
  ])('are all that changes: $name is refused', async ({ type, document, field }) => {
    const { status, body } = await patch(imagePath(face.pushed.digest), type, document);
    expect(status).toBe(422);
    expect(body).toMatchObject({
      kind: 'Status',
      reason: 'Invalid',
      message: `Image.image.openshift.io "${face.pushed.digest}" is invalid: ${field}: Forbidden: may not update fields other than metadata.annotations and metadata.labels`,
    });
  });

  it('are added by an apply', async () => {
    const type = { kind: 'Image', apiVersion: 'image.openshift.io/v1' };
    const path = `${imagePath(face.pushed.digest)}?fieldManager=test`;
    const applied = { ...type, metadata: { annotations: { applied: 'yes' } } };
    expect(await patch(path, 'apply-patch+yaml', applied)).toMatchObject({
      status: 200,
      body: {
        metadata: { annotations: { applied: 'yes', 'image.openshift.io/dockerLayersOrder': 'ascending' } },
      },
    });
  });

  it.each([
    { name: 'an apply without a manager', type: 'apply-patch+yaml', document: {}, code: 422 },
    { name: 'a patch that is no object', type: 'merge-patch+json', document: [], code: 400 },
    { name: 'operations that are no list', type: 'json-patch+json', document: {}, code: 400 },
    { name: 'another name', type: 'merge-patch+json', document: { metadata: { name: 'x' } }, code: 400 },
    {
      name: 'labels that are none',
      type: 'merge-patch+json',
      document: { metadata: { labels: { 'not a key': 1 } } },
      code: 422,
    },
    {
      name: 'the version of another day',
      type: 'merge-patch+json',
      document: { metadata: { resourceVersion: '1', annotations: { a: 'b' } } },
      code: 409,
    },
  ])('do not change by $name', async ({ type, document, code }) => {
    const { status, body } = await patch(imagePath(face.pushed.digest), type, document);
    expect({ status, kind: body['kind'] }).toEqual({ status: code, kind: 'Status' });
    expect(JSON.stringify(body)).not.toContain('sha256-');
  });
});

describe('the deletion of an Image', () => {
  it('leaves the tag without it, until it is imported again', async () => {
    const { digest } = await importedImage('deleted');
    expect(await face.send('DELETE', `${imagePath(digest)}?dryRun=All`)).toMatchObject({ status: 200 });
    const other = { preconditions: { uid: 'another' } };
    const refused = await face.send('DELETE', imagePath(digest), other);
    expect(refused).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect(JSON.stringify(refused.body)).not.toContain('sha256-');
    expect((await face.get(imagePath(digest))).status).toBe(200);
    expect(await face.send('DELETE', imagePath(digest))).toMatchObject({
      status: 200,
      body: { kind: 'Status', status: 'Success', details: { name: digest, kind: 'images' } },
    });
    const deleted = face.path('imagestreamtags/deleted:deleted');
    // Out of the API server's memory, which may be a moment behind.
    await eventually(async () => (await face.get(deleted)).status === 404, { what: 'the tag to be without' });
    expect((await face.get(deleted)).body).toMatchObject({
      code: 404,
      message: `images.image.openshift.io "${digest}" not found`,
    });
    await face.scenario.requestImport('deleted');
    await eventually(
      async () => (await face.get(face.path('imagestreamtags/deleted:deleted'))).status === 200,
      { what: 'the Image to be there again' },
    );
    expect(await face.send('DELETE', imagePath(`sha256:${'0'.repeat(64)}`))).toMatchObject({ status: 404 });
  });

  it('in the foreground comes to its end: the garbage collector may do its work', async () => {
    const { digest } = await importedImage('foreground');
    await face.kubectl('delete', `image/${digest}`, '--cascade=foreground', '--timeout=30s');
    expect((await face.get(imagePath(digest))).status).toBe(404);
  });
});

it('who has no right to Images neither reads, watches, changes nor deletes them', async () => {
  await using alice = face.view.clientOf('alice');
  const path = imagePath(face.pushed.digest);
  const asked = [
    alice.request('GET', path),
    alice.request('GET', `${served}/images`),
    alice.request('GET', `${served}/images?watch=true`),
    alice.request('PUT', path, {}),
    alice.request('DELETE', path),
  ];
  const answers = await Promise.all(asked);
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
});

it('a watch goes on where it was when the face has been restarted', async () => {
  const { body } = await face.get(`${served}/images?limit=1`);
  const from = `resourceVersion=${(body as { metadata: { resourceVersion: string } }).metadata.resourceVersion}`;
  await using before = await watchImages(from);
  await face.face.stop();
  await expect(before.next()).rejects.toThrow();
  const next = await startTestFace(await createFaceCredentials(face.cluster));
  onTestFinished(() => next.stop());
  await face.aggregation.register(face.view.kube, next.port);
  await eventually(async () => (await face.get(`${served}/images?limit=1`)).status === 200, {
    what: 'the other face to have v1',
  });
  const { digest } = await importedImage('restarted');
  await using after = await watchImages(from);
  expect(await after.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: digest } } });
});
