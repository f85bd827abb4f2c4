import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { HttpListener } from '../../test/support/http-listener.ts';
import { writeKubeconfig } from '../../test/support/kubeconfig.ts';
import { images } from '../api/resources.ts';
import { KubeClient } from './client.ts';
import { KubeTransport } from './transport.ts';
import { NotLeadingError, type WriteFence } from './write-fence.ts';

const never = new AbortController().signal;
/** Connections of the transport for everything but watches. */
const connections = 32;

/** A fence that a test shuts: for whoever asks, or loudly. */
class Gate implements WriteFence {
  isOpen = true;
  readonly #lost = new AbortController();

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  check(): void {
    if (!this.isOpen) throw new NotLeadingError();
  }

  lose(): void {
    this.isOpen = false;
    this.#lost.abort(new NotLeadingError());
  }
}

/** A client behind a gate, and an API server that answers when it is told to. */
async function start() {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const cutOff: string[] = [];
  const server = await HttpListener.start((request, response) => {
    const what = `${request.method} ${request.url?.split('?')[0]?.split('/').at(-1)}`;
    asked.push(what);
    response.on('close', () => (response.writableFinished ? undefined : cutOff.push(what)));
    waiting.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const kubeconfig = await writeKubeconfig(server.url);
  onTestFinished(() => kubeconfig[Symbol.asyncDispose]());
  const transport = KubeTransport.load({ kubeconfig: kubeconfig.path, userAgent: 'test' });
  onTestFinished(() => transport.close());
  const fence = new Gate();
  const client = new KubeClient({ transport, clock: new FakeClock(), fence });
  const write = (): Promise<unknown> =>
    client.patch(images, { name: 'written' }, { type: 'merge', document: {} }, never);
  const read = (): Promise<unknown> => client.get(images, { name: 'read' }, never);
  const answerAll = (): void => {
    for (const answer of waiting.splice(0)) answer();
  };
  return { asked, cutOff, fence, client, write, read, answerAll };
}

it('lets writes pass as long as it is open', async () => {
  const { asked, write, answerAll } = await start();
  const written = write();
  await eventually(() => asked.length === 1, { what: 'the write to arrive' });
  answerAll();
  await expect(written).resolves.toEqual({});
});

it('lets no write out when it is shut, and every read', async () => {
  const { asked, fence, client, write, read, answerAll } = await start();
  fence.isOpen = false;
  await expect(write()).rejects.toBeInstanceOf(NotLeadingError);
  const deletion = client.delete(images, { name: 'gone' }, {}, never);
  await expect(deletion).rejects.toBeInstanceOf(NotLeadingError);
  const creation = client.create(images, { metadata: { name: 'new' } } as never, never);
  await expect(creation).rejects.toBeInstanceOf(NotLeadingError);
  const reading = read();
  await eventually(() => asked.length === 1, { what: 'the read to arrive' });
  answerAll();
  await reading;
  expect(asked).toEqual(['GET read']);
});

it('asks again when a write has waited for a connection, in the moment in which it would go out', async () => {
  const { asked, fence, write, read, answerAll } = await start();
  const reads = Array.from({ length: connections }, read);
  await eventually(() => asked.length === connections, { what: 'all connections to be in use' });
  const written = write();
  const refused = expect(written).rejects.toBeInstanceOf(NotLeadingError);
  fence.isOpen = false;
  answerAll();
  await Promise.all(reads);
  await refused;
  expect(asked.filter((what) => what.startsWith('PATCH'))).toEqual([]);
});

it('cuts off what is under way when the lead is lost', async () => {
  const { asked, cutOff, fence, write, read, answerAll } = await start();
  const [written, reading] = [write(), read()];
  const refused = expect(written).rejects.toBeInstanceOf(NotLeadingError);
  await eventually(() => asked.length === 2, { what: 'both to arrive' });
  fence.lose();
  await refused;
  await eventually(() => cutOff.length === 1, { what: 'the write to be cut off' });
  answerAll();
  await reading;
  expect(cutOff).toEqual(['PATCH written']);
});
