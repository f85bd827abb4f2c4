import { readFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Aggregation } from '../../test/support/aggregation.ts';
import { createTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { FaceListener } from './face-listener.ts';
import { parseProxyTrust } from './front-proxy.ts';
import { servingFiles } from './serving-certificate.ts';

it('answers a request whatever answers of its connection nobody reads', async () => {
  const folder = await createTemporaryFolder();
  onTestFinished(() => folder.remove());
  const { proxy } = await Aggregation.create(folder.path);
  const ca = await readFile(join(folder.path, 'front-proxy-ca.crt'), 'utf8');
  const { files } = await servingFiles(undefined, { dnsNames: ['localhost'], now: Date.now() });
  const listener = new FaceListener({
    identity: { certificate: files['tls.crt'], key: files['tls.key'] },
    trust: parseProxyTrust({ metadata: { name: 'trust' }, data: { 'requestheader-client-ca-file': ca } }),
    onRequest: async ({ url }, response) => {
      response.end(url === '/long' ? Buffer.alloc(20_000_000) : 'short');
    },
  });
  const port = await listener.listen('localhost', 0);
  onTestFinished(() => listener.close());
  const tls = { ca: files['ca.crt'], cert: proxy.certificate, key: proxy.key };
  const session = connect(`https://localhost:${port}`, tls);
  onTestFinished(() => session.destroy());
  const statusOf = (path: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path }).pause();
      stream.once('response', (headers) => resolve(headers[':status']));
      stream.on('error', reject);
    });
  for (let i = 0; i < 4; i++) expect(await statusOf('/long')).toBe(200);
  expect(await statusOf('/short')).toBe(200);
});
