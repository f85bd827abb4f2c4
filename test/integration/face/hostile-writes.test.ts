// The API face: what is sent with the wrong shape, and what must not be slipped past it.
import { afterAll, beforeAll, expect, it } from 'vitest';

import { FaceView } from '../../support/face-view.ts';

let face: FaceView;

beforeAll(async () => {
  face = await FaceView.join();
}, 120_000);
afterAll(() => face?.stop());

const unreadable = 'ImageStream in version "v1" cannot be handled as a ImageStream: json: cannot unmarshal';

it.each([
  { what: 'a text for tags', spec: { tags: 'a' }, status: 400, message: unreadable },
  { what: 'no object for a tag', spec: { tags: [null] }, status: 400, message: unreadable },
  {
    what: 'a number for the name of a source',
    spec: { tags: [{ name: 'a', from: { kind: 'ImageStreamTag', name: 5 } }] },
    status: 400,
    message: unreadable,
  },
  {
    what: 'a source without a name',
    spec: { tags: [{ name: 'a', from: { kind: 'ImageStreamTag' } }] },
    status: 422,
    message: 'spec.tags[a].from.name: Required value',
  },
])('a stream with $what is refused, and the client hears why', async ({ spec, status, message }) => {
  const created = await face.send('POST', face.path('imagestreams'), { metadata: { name: 'odd' }, spec });
  expect({ ...created, body: created.body['message'] }).toEqual({
    status,
    body: expect.stringContaining(message),
  });
  const { metadata } = (await face.get(face.path('imagestreams/web'))).body;
  const updated = await face.send('PUT', face.path('imagestreams/web'), { metadata, spec });
  expect(updated.status).toBe(status);
});

it('a stream whose spec is empty is made', async () => {
  const sent = { metadata: { name: 'empty' }, spec: null };
  expect(await face.send('POST', face.path('imagestreams'), sent)).toMatchObject({ status: 201 });
});
