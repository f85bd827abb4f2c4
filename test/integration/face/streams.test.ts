// The API face: ImageStreams as clients of OpenShift know them, and their writes as OpenShift takes them.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../../support/eventually.ts';
import { FaceView, storedStreams } from '../../support/face-view.ts';
import { createNamespace } from '../../support/fixture.ts';
import { type ImageStream, imageStreams, type KubeObject } from '../../support/resources.ts';

const checkAnnotation = 'openshift.io/image.dockerRepositoryCheck';

let face: FaceView;

beforeAll(async () => {
  face = await FaceView.join();
}, 120_000);
afterAll(() => face?.stop());

const place = (name: string) => ({ namespace: face.scenario.namespace, name });
const shown = (name: string): Promise<ImageStream> => face.view.kube.get(imageStreams, place(name));
const stored = (name: string): Promise<ImageStream> => face.view.kube.get(storedStreams, place(name));

describe('an ImageStream is shown', () => {
  it('with what OpenShift keeps in spec and annotations, and nothing is written for that', async () => {
    const before = await stored('web');
    const stream = await shown('web');
    expect(stream).toMatchObject({
      apiVersion: 'image.openshift.io/v1',
      metadata: { annotations: { [checkAnnotation]: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+Z$/) } },
      spec: {
        lookupPolicy: { local: false },
        tags: [
          { generation: 1, importPolicy: { importMode: 'Legacy' }, referencePolicy: { type: 'Source' } },
        ],
      },
      status: { dockerImageRepository: '' },
    });
    expect(await stored('web')).toEqual(before);
    expect(before.spec).not.toHaveProperty('lookupPolicy');
  });

  it('the same in lists and watches', async () => {
    const [listed] = await face.view.kube.list(imageStreams, { namespace: face.scenario.namespace });
    expect(listed).toEqual(await shown('web'));
    const dispatcher = new Agent({ connect: { ca: face.view.facts.ca }, bodyTimeout: 0 });
    const { body } = await request(`${face.view.facts.url}${face.path('imagestreams')}?watch=true`, {
      dispatcher,
      headers: { authorization: `Bearer ${face.view.facts.tokens['admin'] ?? ''}` },
    });
    const first = (await (body[Symbol.asyncIterator]() as AsyncIterator<Buffer>).next()).value as Buffer;
    await dispatcher.destroy();
    expect(JSON.parse(first.toString().split('\n')[0] ?? '')).toEqual({ type: 'ADDED', object: listed });
  });

  it('to who selects it by its repository', async () => {
    const spec = { dockerImageRepository: `${face.scenario.proxy.host}/selected` };
    expect(
      (await face.send('POST', face.path('imagestreams'), { metadata: { name: 'selected' }, spec })).status,
    ).toBe(201);
    const selector = `--field-selector=spec.dockerImageRepository=${spec.dockerImageRepository}`;
    expect(await face.kubectl('get', 'is', '-o', 'name', selector)).toBe(
      'imagestream.image.openshift.io/selected\n',
    );
    await face.kubectl('delete', 'is', 'selected');
  });

  it('with its tags by name', async () => {
    await face.scenario.createTags('sorted', [{ name: 'b' }, { name: 'a' }]);
    expect((await shown('sorted')).spec?.tags?.map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await stored('sorted')).spec?.tags?.map(({ name }) => name)).toEqual(['b', 'a']);
  });
});

describe('a written ImageStream', () => {
  it('that comes back as it was shown is stored as it was', async () => {
    const before = await stored('web');
    await face.view.kube.replace(imageStreams, await shown('web'));
    expect(await stored('web')).toEqual(before);
    await face.view.kube.patch(imageStreams, place('web'), {
      spec: { tags: (await shown('web')).spec?.tags },
    });
    expect(await stored('web')).toEqual(before);
  });

  it('is imported again by a generation of 0, by no other', async () => {
    await face.scenario.createStream('again', ['latest']);
    await face.scenario.tagHas('again', 'latest', face.pushed.digest);
    const { body: before } = await face.get(face.path('imagestreams/again'));
    const withGeneration = (generation: number) => {
      const spec = before['spec'] as { tags: readonly object[] };
      return face.view.kube.patch(imageStreams, place('again'), {
        spec: { tags: spec.tags.map((tag) => ({ ...tag, generation })) },
      });
    };
    await withGeneration(77);
    expect((await stored('again')).metadata.generation).toBe(1);
    await withGeneration(0);
    const after = await eventually(
      async () => {
        const stream = await shown('again');
        const [tag] = (stream.spec?.tags ?? []) as readonly { generation?: number }[];
        return stream.status?.tags?.[0]?.items?.[0]?.generation === 2 && tag;
      },
      { what: 'the import that was asked for' },
    );
    expect(after.generation).toBe(2);
  });

  it('takes patches of every kind of what is shown', async () => {
    await face.scenario.createTags('patched', [{ name: 'b', reference: true }, { name: 'a' }]);
    const patch = (patchType: 'merge' | 'strategic' | 'json', document: unknown) =>
      face.view.kube.patch(imageStreams, { ...place('patched'), patchType }, document);
    await patch('json', [
      { op: 'test', path: '/spec/tags/1/name', value: 'b' },
      { op: 'test', path: '/spec/tags/1/referencePolicy/type', value: 'Source' },
      { op: 'remove', path: '/spec/tags/1' },
    ]);
    await patch('strategic', { spec: { tags: [{ name: 'c', reference: true }] } });
    await patch('merge', { spec: { lookupPolicy: { local: true } } });
    expect((await stored('patched')).spec).toEqual({
      lookupPolicy: { local: true },
      tags: [{ name: 'a' }, { name: 'c', reference: true }],
    });
  });

  it('is shown as rows when it is created, and as a Status when it is deleted', async () => {
    const send = async (method: 'POST' | 'DELETE', path: string, document?: object) => {
      const { statusCode, body } = await request(`${face.view.facts.url}${face.path(path)}`, {
        method,
        dispatcher: new Agent({ connect: { ca: face.view.facts.ca } }),
        headers: {
          authorization: `Bearer ${face.view.facts.tokens['admin'] ?? ''}`,
          accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
          'content-type': 'application/json',
        },
        body: JSON.stringify(document ?? { kind: 'DeleteOptions', apiVersion: 'image.openshift.io/v1' }),
      });
      return { statusCode, document: (await body.json()) as Record<string, unknown> };
    };
    const created = await send('POST', 'imagestreams', { metadata: { name: 'rows' } });
    expect(created).toMatchObject({
      statusCode: 201,
      document: { kind: 'Table', rows: [{ cells: ['rows', '', '', ''] }] },
    });
    const deleted = await send('DELETE', 'imagestreams/rows');
    expect(deleted).toMatchObject({ statusCode: 200, document: { kind: 'Status', status: 'Success' } });
  });

  it("needs its author's own right to a source in another namespace", async () => {
    await using other = await createNamespace(face.view.kube, 'other');
    await face.allow('bob', other.name, ['get', 'create', 'patch', 'update']);
    await using bob = face.view.clientOf('bob');
    const tag = {
      name: 'stolen',
      from: { kind: 'ImageStreamTag', name: 'web:latest', namespace: face.scenario.namespace },
    };
    const stream = { metadata: { namespace: other.name, name: 'copy' }, spec: { tags: [tag] } } as KubeObject;
    const refused = `spec.tags[stolen].from: Forbidden: ${face.scenario.namespace}/web`;
    await expect(bob.create(imageStreams, stream)).rejects.toThrow(refused);
    await expect(bob.apply(imageStreams, stream)).rejects.toThrow(refused);
    await bob.create(imageStreams, { metadata: stream.metadata });
    await expect(bob.patch(imageStreams, stream.metadata, { spec: { tags: [tag] } })).rejects.toThrow(
      refused,
    );
  });

  it.each([
    {
      name: 'Foo',
      spec: {},
      message:
        'ImageStream.image.openshift.io "Foo" is invalid: metadata.name: Invalid value: "Foo": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"',
    },
    {
      name: 'o',
      spec: { tags: [{ name: 'y', from: { kind: 'ImageStreamTag', name: 'none:latest' } }] },
      message:
        'ImageStream.image.openshift.io "o" is invalid: []: Internal error: imagestreams "o" is invalid: spec.tags[y].from.name: Not found: "none:latest"',
    },
    {
      name: 'o',
      spec: {
        tags: [
          {
            name: 'y',
            from: { kind: 'ImageStreamTag', name: 'web:latest' },
            importPolicy: { scheduled: true },
          },
        ],
      },
      message:
        'spec.tags[y].importPolicy.scheduled: Invalid value: true: only tags pointing to Docker repositories may be scheduled for background import',
    },
  ])('is refused in the words of the reference: $message', async ({ name, spec, message }) => {
    const { status, body } = await face.send('POST', face.path('imagestreams'), { metadata: { name }, spec });
    expect({ status, message: body['message'] }).toEqual({
      status: 422,
      message: expect.stringContaining(message),
    });
  });

  it('has the image of the tag that it copies at once', async () => {
    const tag = { name: 'copied', from: { kind: 'ImageStreamTag', name: 'web:latest' } };
    const created = await face.send('POST', face.path('imagestreams'), {
      metadata: { name: 'copies' },
      spec: { tags: [tag] },
    });
    expect(created.body).toMatchObject({
      status: { tags: [{ tag: 'copied', items: [{ image: face.pushed.digest }] }] },
    });
  });
});

describe('the status of a stream', () => {
  it('is read, pruned and patched, and the operator keeps it so', async () => {
    await face.scenario.createStream('pruned', ['latest']);
    await face.scenario.tagHas('pruned', 'latest', face.pushed.digest);
    const path = face.path('imagestreams/pruned/status');
    type Sent = { status: { tags: { items: object[] }[] } };
    const { body } = await face.get(path);
    const [shownEntry] = (body as unknown as Sent).status.tags;
    const old = {
      ...shownEntry?.items[0],
      image: `sha256:${'0'.repeat(64)}`,
      created: '2020-01-01T00:00:00Z',
    };
    const withItems = (stream: unknown, items: object[]) => ({
      ...(stream as object),
      status: { ...(stream as Sent).status, tags: [{ ...shownEntry, items }] },
    });
    const longer = await face.send('PUT', path, withItems(body, [...(shownEntry?.items ?? []), old]));
    expect(longer).toMatchObject({
      status: 200,
      body: { status: { tags: [{ items: [{}, { image: old.image }] }] } },
    });
    const pruned = await face.view.kube.patch(
      imageStreams,
      { ...place('pruned'), subresource: 'status', patchType: 'json' },
      [{ op: 'remove', path: '/status/tags/0/items/1' }],
    );
    expect(pruned.status?.tags?.[0]?.items).toHaveLength(1);
    await face.scenario.requestImport('pruned');
    const after = await eventually(
      async () => {
        const stream = await stored('pruned');
        const entry = stream.status?.tags?.[0] as { lastImport?: { requested?: string } } | undefined;
        return entry?.lastImport?.requested !== undefined && stream;
      },
      { what: 'the operator to have looked at it again' },
    );
    expect(after.status?.tags?.[0]?.items).toHaveLength(1);
    const spec = await stored('pruned');
    expect(spec.spec?.tags?.[0]).not.toHaveProperty('generation');
  });

  it('is for those who have the right to it', async () => {
    await using other = await createNamespace(face.view.kube, 'status');
    await face.allow('bob', other.name, ['get', 'create'], ['imagestreams']);
    await using bob = face.view.clientOf('bob');
    await bob.create(imageStreams, { metadata: { namespace: other.name, name: 'mine' } });
    await expect(
      bob.patch(imageStreams, { namespace: other.name, name: 'mine', subresource: 'status' }, { status: {} }),
    ).rejects.toThrow('cannot patch resource \\"imagestreams/status\\"');
  });

  it('goes with a collection that is deleted', async () => {
    await using other = await createNamespace(face.view.kube, 'collection');
    for (const name of ['a', 'b'])
      await face.view.kube.create(imageStreams, {
        metadata: { namespace: other.name, name, labels: { name } },
      });
    const collection = `/apis/image.openshift.io/v1/namespaces/${other.name}/imagestreams`;
    expect((await face.send('DELETE', `${collection}?labelSelector=name%3Da&dryRun=All`)).status).toBe(200);
    expect((await face.send('DELETE', `${collection}?labelSelector=name%3Da`)).status).toBe(200);
    expect(
      (await face.view.kube.list(imageStreams, { namespace: other.name })).map(
        ({ metadata }) => metadata.name,
      ),
    ).toEqual(['b']);
  });
});

describe('a client', () => {
  it('gets a thousand answers at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, () => face.get(face.path('imagestreamtags/web:latest'))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });
});
