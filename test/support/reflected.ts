/** A reflector against an API server whose answers a test scripts. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { KubeObject } from '../../src/api/resources.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { Store } from '../../src/kube/store.ts';
import { KubeTransport } from '../../src/kube/transport.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import type { FakeClock } from './fake-clock.ts';
import { HttpListener } from './http-listener.ts';
import { writeKubeconfig } from './kubeconfig.ts';

const resource = { group: 'test', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true };

export function thing(name: string, resourceVersion: string): KubeObject {
  return { metadata: { namespace: 'a', name, resourceVersion } };
}

export function list(resourceVersion: string, items: readonly KubeObject[], next?: string): string {
  return JSON.stringify({
    metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) },
    items,
  });
}

export function event(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** What the scripted API server says, one entry a request; the last one again and again. */
export type Answer = (response: ServerResponse, query: URLSearchParams) => void;

export const hang: Answer = (response) => {
  response.writeHead(200).flushHeaders();
};

/** A clock that is 100 times too fast, so that real sockets and long waits go together. */
const fastClock: Clock = {
  now: () => systemClock.now() * 100,
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs / 100, callback),
};

const isStreamingList = (query: URLSearchParams): boolean => query.has('sendInitialEvents');

/** The bookmark that ends the list at the beginning of a watch. */
export const listEnd = event('BOOKMARK', {
  metadata: { resourceVersion: '20', annotations: { 'k8s.io/initial-events-end': 'true' } },
});

/** How each request began: as a list at the beginning of a watch, in pages, or as a watch. */
export function waysOf(asked: readonly string[]): readonly string[] {
  return asked.map((path) => {
    if (path.includes('sendInitialEvents')) return 'stream';
    return path.includes('watch=true') ? 'watch' : 'pages';
  });
}

/** The pauses that a reflector makes; the limit on the silence of a watch is none. */
export const pauses = (clock: FakeClock): readonly number[] => clock.pending.filter((ms) => ms < 100_000);

/** An API server as they were before streaming lists. */
export async function reflectPages(answers: readonly Answer[], clock: Clock = fastClock) {
  return reflectStreaming(answers, { clock, hasStreamingLists: false });
}

export async function reflectStreaming(
  answers: readonly Answer[],
  {
    clock = fastClock,
    hasStreamingLists = true,
    isOptional = false,
    keep = (object: KubeObject) => object,
  }: {
    clock?: Clock;
    hasStreamingLists?: boolean;
    isOptional?: boolean;
    keep?: (object: KubeObject) => KubeObject | undefined;
  } = {},
) {
  const asked: string[] = [];
  const server = await HttpListener.start((request: IncomingMessage, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    if (!hasStreamingLists && isStreamingList(query)) {
      response.writeHead(422).end(JSON.stringify({ code: 422, reason: 'Invalid', message: 'forbidden' }));
      return;
    }
    asked.push(request.url ?? '');
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    answer?.(response, query);
  });
  const kubeconfig = await writeKubeconfig(server.url);
  const transport = KubeTransport.load({ kubeconfig: kubeconfig.path, userAgent: 'test' });
  const client = new KubeClient({ transport, clock });
  const store = new Store<KubeObject>((object) => object.metadata.resourceVersion ?? '');
  const heard: string[] = [];
  store.onChange((key, after) => heard.push(`${key}=${after?.metadata.resourceVersion ?? 'gone'}`));
  const log = pino({ enabled: false });
  const restarts: string[] = [];
  const reflector = new Reflector({
    client,
    resource,
    store,
    keep,
    isOptional,
    clock,
    log,
    onRestart: (reason) => restarts.push(reason),
  });
  const abort = new AbortController();
  const running = reflector.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await running;
  };
  onTestFinished(async () => {
    await stop();
    await transport.close();
    await server[Symbol.asyncDispose]();
    await kubeconfig[Symbol.asyncDispose]();
  });
  return { server, asked, store, heard, restarts, reflector, stop };
}
