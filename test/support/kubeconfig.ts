import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A kubeconfig file for an API server that a test plays itself, over plain HTTP. */
export interface TestKubeconfig extends AsyncDisposable {
  readonly path: string;
}

/** Writes a kubeconfig for a server's URL. */
export async function writeKubeconfig(server: string): Promise<TestKubeconfig> {
  const path = join(tmpdir(), `kubeconfig-${randomUUID()}`);
  const config = {
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: 'x' } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return { path, [Symbol.asyncDispose]: () => rm(path) };
}
