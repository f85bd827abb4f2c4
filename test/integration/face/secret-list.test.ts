// The API face: the list of pull secrets of a namespace that has more of them than anybody needs.
import { afterAll, beforeAll, expect, it } from 'vitest';

import { FaceView } from '../../support/face-view.ts';
import { type KubeObject, resource } from '../../support/resources.ts';

const secrets = resource<KubeObject & { readonly type: string; readonly data: object }>(
  'v1',
  'Secret',
  'secrets',
);

let face: FaceView;

beforeAll(async () => {
  face = await FaceView.join();
}, 120_000);
afterAll(() => face?.stop());

it('is refused, before it fills the memory of the face', async () => {
  const { namespace } = face.scenario;
  const document = JSON.stringify({ auths: {}, text: 'x'.repeat(900_000) });
  const data = { '.dockerconfigjson': Buffer.from(document).toString('base64') };
  for (let i = 0; i < 8; i++)
    await face.view.kube.create(secrets, {
      metadata: { namespace, name: `long-${i}` },
      type: 'kubernetes.io/dockerconfigjson',
      data,
    });
  expect(await face.get(face.path('imagestreams/web/secrets'))).toMatchObject({
    status: 500,
    body: {
      message: expect.stringContaining('the pull secrets of the namespace are longer than 8388608 bytes'),
    },
  });
});
