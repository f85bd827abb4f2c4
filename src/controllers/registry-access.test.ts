import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, playApiServer } from '../../test/support/played-api-server.ts';
import { RegistryError } from '../registry/errors.ts';
import { RegistryAccesses } from './registry-access.ts';

const never = new AbortController().signal;

async function setUp(secrets: () => Promise<ApiAnswer> | ApiAnswer) {
  const clock = new FakeClock();
  const server = await playApiServer(clock, ({ path }) =>
    path.endsWith('/secrets') ? secrets() : { status: 404, body: { kind: 'Status', reason: 'NotFound' } },
  );
  onTestFinished(() => server[Symbol.asyncDispose]());
  return new RegistryAccesses({ client: server.client, clock, reader: 'the reader' });
}

describe('the access of a namespace', () => {
  it('is read to its end for the others when who asked first gives up', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const accesses = await setUp(async () => {
      await held;
      return { body: { items: [] } };
    });
    const abort = new AbortController();
    const first = accesses.of('apps', abort.signal);
    const second = accesses.of('apps', never);
    abort.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    letGo();
    expect((await second).keychain).toEqual({ entries: [], problems: [] });
  });

  it('says who lacks the right to read secrets', async () => {
    const accesses = await setUp(() => ({ status: 403, body: { kind: 'Status', reason: 'Forbidden' } }));
    const { keychain } = await accesses.of('apps', never);
    expect(keychain.problems).toEqual(['the reader may not read the pull secrets of this namespace']);
  });

  it('has no account when the secrets are longer than anybody needs', async () => {
    const item = { metadata: { name: 'long' }, data: { '.dockerconfigjson': 'x'.repeat(1_000_000) } };
    const accesses = await setUp(() => ({ body: { items: Array.from({ length: 9 }, () => item) } }));
    const { keychain } = await accesses.of('apps', never);
    expect(keychain.problems).toEqual(
      ['kubernetes.io/dockerconfigjson', 'kubernetes.io/dockercfg'].map(
        (type) =>
          `the secrets of this namespace of the type ${type} are longer than 8388608 bytes in all, none of them is used`,
      ),
    );
  });

  it('is read anew, and the work done once more, only when something has changed', async () => {
    const auths = { 'r.test': { username: 'u', password: 'p' } };
    const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
    const items: object[] = [];
    const accesses = await setUp(() => ({ body: { items } }));
    const tries: number[] = [];
    const work = accesses.with('apps', never, async ({ keychain }) => {
      tries.push(keychain.entries.length);
      items.push({ metadata: { name: 'pull' }, type: 'kubernetes.io/dockerconfigjson', data });
      if (keychain.entries.length === 0) throw new RegistryError('unauthorized', 'no');
      return 'in';
    });
    expect(await work).toBe('in');
    expect(tries[0]).toBe(0);
    expect(tries).toHaveLength(2);
    const refused = accesses.with('other', never, async () => {
      throw new RegistryError('registry-error', 'no');
    });
    await expect(refused).rejects.toThrow('no');
  });
});
