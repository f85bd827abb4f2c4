import { KubeClient } from '../../src/kube/client.ts';
import { KubeTransport } from '../../src/kube/transport.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { HttpListener } from './http-listener.ts';
import { writeKubeconfig } from './kubeconfig.ts';

/** A request as a test sees it. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The JSON that came with it. */
  readonly body: unknown;
}

/** What a test answers; without a status it is 200. */
export interface ApiAnswer {
  readonly status?: number;
  readonly body?: unknown;
}

/** An API server that a test plays itself, and a client of it. */
export interface PlayedApiServer extends AsyncDisposable {
  readonly client: KubeClient;
  /** What the client sends by. */
  readonly transport: KubeTransport;
  /** Everything that was asked, oldest first. */
  readonly requests: readonly ApiRequest[];
}

/** Starts a server; `answer` may take its time. */
export async function playApiServer(
  clock: Clock,
  answer: (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>,
): Promise<PlayedApiServer> {
  const requests: ApiRequest[] = [];
  const server = await HttpListener.start((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const url = new URL(incoming.url ?? '', 'http://server');
      const text = Buffer.concat(chunks).toString();
      const request = {
        method: incoming.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        body: text === '' ? undefined : (JSON.parse(text) as unknown),
      };
      requests.push(request);
      void Promise.resolve(answer(request)).then(({ status = 200, body = {} }) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
  });
  const kubeconfig = await writeKubeconfig(server.url);
  const transport = KubeTransport.load({ kubeconfig: kubeconfig.path, userAgent: 'test' });
  return {
    client: new KubeClient({ transport, clock }),
    transport,
    requests,
    [Symbol.asyncDispose]: async () => {
      await transport.close();
      await server[Symbol.asyncDispose]();
      await kubeconfig[Symbol.asyncDispose]();
    },
  };
}
