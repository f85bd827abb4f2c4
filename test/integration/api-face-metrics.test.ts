// The metrics of the API face, on a port of their own.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { FaceFixture } from '../support/face-fixture.ts';
import { StreamImports } from '../support/stream-imports.ts';

let face: FaceFixture;

beforeAll(async () => {
  face = await FaceFixture.start(['--metrics-port=0', '--metrics-host=127.0.0.1']);
}, 120_000);
afterAll(() => face?.stop());

const lines = async (): Promise<readonly string[]> => {
  const { statusCode, body } = await request(`http://127.0.0.1:${face.face.metricsPort}/metrics`);
  expect(statusCode).toBe(200);
  return (await body.text()).split('\n').filter((line) => !line.startsWith('#'));
};

/** The value of a series, 0 when there is none. */
const read = async (series: string): Promise<number> =>
  Number((await lines()).find((line) => line.startsWith(`${series} `))?.slice(series.length + 1) ?? 0);

const counted = (verb: string, resource: string, code: string): string =>
  `imagestream_face_request_total{verb="${verb}",resource="${resource}",code="${code}"}`;

describe('the metrics of the face', () => {
  it('count what is asked, by what there is', async () => {
    const got = await read(counted('get', 'imagestreams/layers', '2xx'));
    const missed = await read(counted('get', 'imagestreamtags', '4xx'));
    expect((await face.get(face.path('imagestreams/web/layers'))).status).toBe(200);
    expect((await face.get(face.path('imagestreamtags/web:nothing'))).status).toBe(404);
    expect(await read(counted('get', 'imagestreams/layers', '2xx'))).toBe(got + 1);
    expect(await read(counted('get', 'imagestreamtags', '4xx'))).toBe(missed + 1);
    expect(
      await read(
        'imagestream_face_request_duration_seconds_count{verb="get",resource="imagestreams/layers"}',
      ),
    ).toBeGreaterThan(0);
  });

  it('are no more for all that strangers think of', async () => {
    const ask = (i: number): Promise<unknown> =>
      face.direct(`/apis/image.openshift.io/v1/namespaces/n${i}/stranger-${i}/x?y=${i}`, undefined, {
        'x-remote-user': `stranger-${i}`,
      });
    await ask(0);
    const before = await lines();
    for (let i = 1; i < 30; i++) await ask(i);
    const after = await lines();
    expect(after).toHaveLength(before.length);
    expect(after.join('\n')).not.toContain('stranger');
    expect(await read(counted('other', 'other', '4xx'))).toBeGreaterThanOrEqual(30);
  });

  it('show open watches, without a time', async () => {
    const open = await read('imagestream_face_watch_open');
    const dispatcher = new Agent({ connect: { ca: face.view.facts.ca }, bodyTimeout: 0 });
    const { body } = await request(`${face.view.facts.url}${face.path('imagestreams')}?watch=true`, {
      dispatcher,
      headers: { authorization: `Bearer ${face.view.facts.tokens['admin'] ?? ''}` },
    });
    await (body[Symbol.asyncIterator]() as AsyncIterator<Buffer>).next();
    expect(await read('imagestream_face_watch_open')).toBe(open + 1);
    await dispatcher.destroy();
    await eventually(async () => (await read('imagestream_face_watch_open')) === open, {
      what: 'the end of the watch',
    });
    expect((await lines()).filter((line) => line.includes('duration_seconds_count{verb="watch"'))).toEqual(
      [],
    );
  });

  it('count questions about rights, and looks at registries', async () => {
    const asked = 'imagestream_face_access_review_total{result="asked"}';
    const remembered = 'imagestream_face_access_review_total{result="remembered"}';
    const manifests = 'imagestream_registry_request_total{document="manifest"}';
    const before = [await read(asked), await read(remembered), await read(manifests)];
    await face.scenario.push('looked', 'looked at');
    const imports = new StreamImports(face);
    expect((await imports.send('looks', { images: [imports.own('looked')] })).status).toBe(201);
    await face.get(face.path('imagestreams/web/layers'));
    await face.get(face.path('imagestreams/web/layers'));
    expect(await read(manifests)).toBeGreaterThan(before[2] ?? 0);
    expect(await read(asked)).toBeGreaterThan(before[0] ?? 0);
    expect(await read(remembered)).toBeGreaterThan(before[1] ?? 0);
    expect(await lines()).toContain('imagestream_registry_gate_closed{host="other",reason="dead"} 0');
  });

  it('are all that there is on that port', async () => {
    const { statusCode } = await request(
      `http://127.0.0.1:${face.face.metricsPort}/apis/image.openshift.io/v1/imagestreams`,
    );
    expect(statusCode).toBe(404);
  });
});
