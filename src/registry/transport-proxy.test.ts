import { createServer, request as forward, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpListener } from '../../test/support/http-listener.ts';
import { TransportProbe, tlsFixture } from '../../test/support/transport-probe.ts';
import { parseProxySettings } from './proxy.ts';

const ca = tlsFixture('ca');
const tls = { cert: tlsFixture('server'), key: tlsFixture('server-key') };

interface TestProxy {
  readonly host: string;
  /** What was asked for, and with which account. */
  readonly log: readonly string[];
}

/** A proxy that finds every name on loopback; with `refusal` it lets nobody through. */
async function startProxy(options: { refusal?: string; secure?: boolean } = {}): Promise<TestProxy> {
  const log: string[] = [];
  const note = (request: IncomingMessage, target: string): void => {
    log.push(`${request.method} ${target} ${request.headers['proxy-authorization'] ?? '-'}`);
  };
  const onRequest: Parameters<typeof createServer>[1] = (request, response) => {
    note(request, request.url ?? '');
    if (options.refusal !== undefined) {
      response.writeHead(Number(options.refusal.slice(0, 3))).end('the proxy says no');
      return;
    }
    const { port, pathname } = new URL(request.url ?? '');
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const onward = forward({ host: '127.0.0.1', port, path: pathname, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  };
  const server: Server = options.secure === true ? createTlsServer(tls, onRequest) : createServer(onRequest);
  server.on('connect', (request, socket) => {
    note(request, request.url ?? '');
    socket.on('error', () => undefined);
    if (options.refusal !== undefined) {
      socket.end(`HTTP/1.1 ${options.refusal}\r\n\r\n`);
      return;
    }
    const inner = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      socket.pipe(inner).pipe(socket);
    });
    inner.on('error', () => socket.destroy());
    socket.on('close', () => inner.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, log };
}

async function listen(...options: Parameters<typeof HttpListener.start>): Promise<HttpListener> {
  const server = await HttpListener.start(...options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** A transport that knows names by its proxies only. */
function newProbe(env: Record<string, string>, operatorCa?: string): TransportProbe {
  const probe = new TransportProbe({
    proxies: parseProxySettings(env),
    ca: operatorCa,
    timeouts: { connectMs: 500, headersMs: 500, totalMs: 2_000 },
    lookup: (hostname, _options, callback) => callback(new Error(`${hostname} was looked up`), []),
  });
  onTestFinished(() => probe[Symbol.asyncDispose]());
  return probe;
}

function portOf(server: HttpListener): string {
  return new URL(server.url).port;
}

const account = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;

describe('through a proxy', () => {
  it('a registry with TLS is verified, and does not see the account for the proxy', async () => {
    const server = await listen((_request, response) => response.end('hello'), tls);
    const proxy = await startProxy();
    const probe = newProbe({ HTTPS_PROXY: `http://me:p%40ss@${proxy.host}` });
    const host = `registry.test:${portOf(server)}`;
    const trusted = { host, insecure: false, ca, headers: { authorization: 'Bearer token' } };
    expect(await probe.outcome(trusted)).toBe('200 hello');
    expect(await probe.outcome({ host, insecure: false })).toBe(
      'certificate: unable to verify the first certificate',
    );
    expect(await probe.outcome({ ...trusted, host: `other.example:${portOf(server)}` })).toMatch(
      /^certificate: Hostname\/IP does not match/,
    );
    expect(proxy.log[0]).toBe(`CONNECT ${host} ${account}`);
    expect(server.requests.map(({ headers }) => headers)).toEqual([
      {
        host,
        authorization: 'Bearer token',
        connection: 'keep-alive',
        'accept-encoding': 'identity',
        'user-agent': 'test',
      },
    ]);
  });

  it('a plain registry of an insecure tag is reached, by HTTPS first', async () => {
    const server = await listen((_request, response) => response.end('hello'));
    const proxy = await startProxy();
    const probe = newProbe({ HTTPS_PROXY: proxy.host, HTTP_PROXY: `http://me:p%40ss@${proxy.host}` });
    const host = `registry.test:${portOf(server)}`;
    expect(await probe.outcome({ host, headers: { authorization: 'Bearer token' } })).toBe('200 hello');
    expect(proxy.log).toEqual([`CONNECT ${host} -`, `GET http://${host}/v2/ ${account}`]);
    expect(server.requests[0]?.headers).toMatchObject({ host, authorization: 'Bearer token' });
    expect(server.requests[0]?.headers['proxy-authorization']).toBeUndefined();
  });

  it('a redirect to another name is followed without the token: its address is for the proxy to judge', async () => {
    const elsewhere = await listen((_request, response) => response.end('hello'), tls);
    const server = await listen((_request, response) => {
      response.writeHead(307, { location: `https://blobs.registry.test:${portOf(elsewhere)}/x` }).end();
    }, tls);
    const proxy = await startProxy();
    const probe = newProbe({ HTTPS_PROXY: proxy.host }, ca);
    const headers = { authorization: 'Bearer token' };
    const host = `registry.test:${portOf(server)}`;
    expect(await probe.outcome({ host, insecure: false, headers })).toBe('200 hello');
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each(['169.254.169.254', '[::ffff:a9fe:a9fe]', '10.0.0.1', '0xA9FEA9FE'])(
    'a redirect to the address %s is not followed',
    async (address) => {
      const server = await listen((_request, response) => {
        response.writeHead(307, { location: `https://${address}/latest/meta-data` }).end();
      }, tls);
      const proxy = await startProxy();
      const probe = newProbe({ HTTPS_PROXY: proxy.host }, ca);
      const host = `registry.test:${portOf(server)}`;
      expect(await probe.outcome({ host, insecure: false })).toMatch(/^forbidden-address: /);
      expect(proxy.log).toEqual([`CONNECT ${host} -`]);
    },
  );

  it('hosts of NO_PROXY are not reached', async () => {
    const proxy = await startProxy();
    const probe = newProbe({ HTTPS_PROXY: proxy.host, NO_PROXY: '.test' });
    expect(await probe.outcome({ host: 'registry.test', insecure: false })).toBe(
      'unreachable: registry.test was looked up',
    );
    expect(proxy.log).toEqual([]);
  });

  it('with TLS of its own, trusted by the bundle of the operator, a registry is reached', async () => {
    const server = await listen((_request, response) => response.end('hello'), tls);
    const proxy = await startProxy({ secure: true });
    const env = { HTTPS_PROXY: `https://${proxy.host}` };
    const host = `registry.test:${portOf(server)}`;
    expect(await newProbe(env, ca).outcome({ host, insecure: false })).toBe('200 hello');
    // The bundle of a namespace vouches for registries, not for the proxy.
    expect(await newProbe(env).outcome({ host, insecure: false, ca })).toBe(
      'certificate: unable to verify the first certificate',
    );
    expect(proxy.log).toEqual([`CONNECT ${host} -`]);
  });
});

describe('a proxy', () => {
  const host = 'registry.test:5000';

  it.each(['407 Proxy Authentication Required', '403 Forbidden', '502 Bad Gateway'])(
    'that answers %s is named with that, without the account',
    async (refusal) => {
      const proxy = await startProxy({ refusal });
      const probe = newProbe({ HTTPS_PROXY: `http://me:p%40ss@${proxy.host}` });
      expect(await probe.outcome({ host, insecure: false })).toBe(
        `unreachable: Proxy response (${refusal.slice(0, 3)}) !== 200 when HTTP Tunneling`,
      );
    },
  );

  it('that is not there says so', async () => {
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const probe = newProbe({ HTTPS_PROXY: `http://me:p%40ss@127.0.0.1:${port}` });
    expect(await probe.outcome({ host, insecure: false })).toBe(
      `unreachable: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
  });

  it.each([
    { name: 'never answers', behave: () => undefined, want: /^timeout: / },
    { name: 'hangs up', behave: (end: () => void) => end(), want: /^unreachable: / },
  ])('that $name is given up', async ({ behave, want }) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined).on('data', () => behave(() => socket.destroy()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const probe = newProbe({ HTTPS_PROXY: `127.0.0.1:${(server.address() as AddressInfo).port}` });
    const startedAt = performance.now();
    expect(await probe.outcome({ host, insecure: false })).toMatch(want);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
  });
});
