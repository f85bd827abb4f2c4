import { getEventListeners } from 'node:events';
import type { RequestListener } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import { HttpListener } from '../../test/support/http-listener.ts';
import { loopbackLookup, TransportProbe } from '../../test/support/transport-probe.ts';
import type { RegistryTransportOptions } from './transport.ts';

async function listen(listener: RequestListener): Promise<HttpListener> {
  const server = await HttpListener.start(listener);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function newProbe(options: Partial<RegistryTransportOptions> = {}): TransportProbe {
  const probe = new TransportProbe(options);
  onTestFinished(() => probe[Symbol.asyncDispose]());
  return probe;
}

function portOf(server: HttpListener): string {
  return new URL(server.url).port;
}

const onlyAllowed = 'connected to only when the operator allows it';
const onlyNamed = 'connected to only when a stream names the host itself and the operator allows it';

const sayHello: RequestListener = (_request, response) => response.end('hello');

describe('a redirect', () => {
  it('keeps credentials on its origin and leaves them there when it goes on', async () => {
    const elsewhere = await listen(sayHello);
    const server = await listen((request, response) => {
      const location = request.url === '/first' ? '/second' : `http://me:word@${elsewhere.host}/third#part`;
      response.writeHead(307, { location }).end();
    });
    const headers = { Authorization: 'Bearer secret', Cookie: 'a=b', accept: 'x/y' };
    expect(await newProbe().outcome({ host: server.host, path: '/first', headers })).toBe('200 hello');
    expect(server.requests.map((r) => [r.url, r.headers.authorization, r.headers.cookie])).toEqual([
      ['/first', 'Bearer secret', 'a=b'],
      ['/second', 'Bearer secret', 'a=b'],
    ]);
    expect(elsewhere.requests[0]?.headers).toEqual({
      accept: 'x/y',
      'accept-encoding': 'identity',
      connection: 'keep-alive',
      host: elsewhere.host,
      'user-agent': 'test',
    });
  });

  it('is told by the address that answered, without the credentials in it', async () => {
    const server: HttpListener = await listen((request, response) => {
      if (request.url === '/there') response.end();
      else response.writeHead(302, { location: `http://me:word@${server.host}/there` }).end();
    });
    const { url } = await newProbe().transport.send({
      host: server.host,
      path: '/here',
      insecure: true,
      headers: {},
      maxBytes: 0,
      signal: new AbortController().signal,
      namedHost: server.host,
    });
    expect(url.href).toBe(`${server.url}/there`);
  });

  it('of a HEAD is followed by a HEAD', async () => {
    const server = await listen((request, response) => {
      if (request.url === '/here') response.writeHead(303, { location: '/there' }).end();
      else response.writeHead(200, { 'content-length': 1_000_000 }).end();
    });
    expect(await newProbe().outcome({ method: 'HEAD', host: server.host, path: '/here' })).toBe('200');
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'HEAD /here',
      'HEAD /there',
    ]);
  });

  it('of a POST is an error, and what was posted goes nowhere else', async () => {
    const bodies: string[] = [];
    const server = await listen((request, response) => {
      request.on('data', (body: Buffer) => bodies.push(`${request.url} ${body.toString()}`));
      request.on('end', () => {
        response.writeHead(request.url === '/ok' ? 200 : 307, { location: '/ok' }).end('hello');
      });
    });
    const post = { method: 'POST', host: server.host, body: 'refresh_token=secret' } as const;
    const probe = newProbe();
    expect(await probe.outcome({ ...post, path: '/moved' })).toBe(
      `registry-error: ${server.host} redirects a POST, which is not followed`,
    );
    expect(await probe.outcome({ ...post, path: '/ok' })).toBe('200 hello');
    expect(bodies).toEqual(['/moved refresh_token=secret', '/ok refresh_token=secret']);
  });

  it('is not shown with what its address holds', async () => {
    const location = 'ftp://me:word@storage.test/blob?X-Amz-Signature=secret';
    const server = await listen((_request, response) => response.writeHead(307, { location }).end());
    expect(await newProbe().outcome({ host: server.host })).toBe(
      'registry-error: the registry redirects to ftp://storage.test, which is not HTTPS',
    );
  });

  it('is one of five at most, and all of them have the time of one request', async () => {
    const server = await listen((_request, response) => {
      setTimeout(() => response.writeHead(307, { location: '/again' }).end(), 100);
    });
    const patient = newProbe();
    expect(await patient.outcome({ host: server.host })).toBe('registry-error: more than 5 redirects');
    expect(server.requests).toHaveLength(6);
    const hasty = newProbe({ timeouts: { connectMs: 1_000, headersMs: 1_000, totalMs: 350 } });
    expect(await hasty.outcome({ host: server.host })).toBe('timeout: the registry did not answer in time');
  });

  it.each([
    { to: 'http://localhost:PORT/', want: `localhost has a loopback address, which is ${onlyNamed}` },
    { to: 'http://other.test:PORT/', want: `other.test has a loopback address, which is ${onlyNamed}` },
    { to: 'http://127.0.0.2:PORT/', want: `127.0.0.2 has a loopback address, which is ${onlyNamed}` },
    {
      to: 'http://[::ffff:7f00:1]:PORT/',
      want: `[::ffff:7f00:1] has a loopback address, which is ${onlyNamed}`,
    },
    { to: 'http://10.0.0.1/', want: `10.0.0.1 has a private address, which is ${onlyNamed}` },
    {
      to: 'http://169.254.169.254/latest/meta-data/',
      want: `169.254.169.254 has a link-local or cloud metadata address, which is ${onlyAllowed}`,
    },
    {
      to: 'https://0xA9FEA9FE/',
      want: `169.254.169.254 has a link-local or cloud metadata address, which is ${onlyAllowed}`,
    },
    {
      to: 'http://[fd00:ec2::254]/',
      want: `[fd00:ec2::254] has a link-local or cloud metadata address, which is ${onlyAllowed}`,
    },
    { to: 'http://0:PORT/', want: `0.0.0.0 has an unspecified address, which is never connected to` },
    { to: '//[::]:PORT/', want: `[::] has an unspecified address, which is never connected to` },
  ])('to $to is not followed', async ({ to, want }) => {
    const inside = await listen(sayHello);
    const location = to.replace('PORT', portOf(inside));
    const server = await listen((_request, response) => response.writeHead(307, { location }).end());
    const probe = newProbe({ lookup: loopbackLookup() });
    expect(await probe.outcome({ host: server.host })).toBe(`forbidden-address: ${want}`);
    expect(inside.requests).toHaveLength(0);
  });
});

describe('a private address', () => {
  const refused = `has a loopback address, which is ${onlyNamed}`;

  it('is reached through the name that the stream gives, on any port', async () => {
    const server = await listen(sayHello);
    const probe = newProbe({ lookup: loopbackLookup() });
    const host = `registry.test:${portOf(server)}`;
    expect(await probe.outcome({ host, namedHost: 'registry.test' })).toBe('200 hello');
    expect(await probe.outcome({ host, namedHost: 'REGISTRY.test:443' })).toBe('200 hello');
    expect(await probe.outcome({ host: server.host, namedHost: '127.0.0.1' })).toBe('200 hello');
  });

  it('is not reached through another name, not even by a connection that is open', async () => {
    const server = await listen(sayHello);
    const probe = newProbe({ lookup: loopbackLookup() });
    const host = `registry.test:${portOf(server)}`;
    expect(await probe.outcome({ host })).toBe('200 hello');
    for (const namedHost of ['other.test', 'registry.test.', 'sub.registry.test', 'test', '']) {
      expect(await probe.outcome({ host, namedHost })).toBe(`forbidden-address: registry.test ${refused}`);
    }
    expect(server.requests).toHaveLength(1);
  });

  it('is not reached at all when the operator forbids it', async () => {
    const server = await listen(sayHello);
    const addresses = { allowLinkLocal: true, allowPrivate: false };
    const probe = newProbe({ lookup: loopbackLookup(), addresses });
    expect(await probe.outcome({ host: server.host })).toBe(`forbidden-address: 127.0.0.1 ${refused}`);
    const host = `registry.test:${portOf(server)}`;
    expect(await probe.outcome({ host })).toBe(`forbidden-address: registry.test ${refused}`);
    expect(server.requests).toHaveLength(0);
  });

  it('of the metadata service is not reached through the name that the stream gives either', async () => {
    const probe = newProbe({
      lookup: (_hostname, _options, callback) => callback(null, [{ address: '169.254.169.254', family: 4 }]),
    });
    const text = `has a link-local or cloud metadata address, which is ${onlyAllowed}`;
    expect(await probe.outcome({ host: 'evil.test' })).toBe(`forbidden-address: evil.test ${text}`);
    expect(await probe.outcome({ host: '169.254.169.254' })).toBe(
      `forbidden-address: 169.254.169.254 ${text}`,
    );
  });

  it('is the one that was checked: what a name becomes meanwhile does not count', async () => {
    const server = await listen(sayHello);
    const answers = ['127.0.0.1', '169.254.169.254'];
    const probe = newProbe({
      lookup: (_hostname, _options, callback) =>
        callback(null, [{ address: answers.shift() ?? '10.0.0.1', family: 4 }]),
    });
    // The first connection (by TLS) goes to the address that was checked, the second (plain) is checked by itself.
    expect(await probe.outcome({ host: `rebinding.test:${portOf(server)}` })).toBe(
      `forbidden-address: rebinding.test has a link-local or cloud metadata address, which is ${onlyAllowed}`,
    );
    expect(answers).toEqual([]);
    expect(server.requests).toHaveLength(0);
  });
});

describe('a host', () => {
  it.each(['me@registry.test', 'registry.test/x', 'registry.test?', 'a b', 'x\\y', '', 'registry.test:x'])(
    'must be nothing but a host: %j',
    async (host) => {
      const lookup = loopbackLookup();
      expect(await newProbe({ lookup }).outcome({ host })).toBe(
        `registry-error: ${JSON.stringify(host)} is not a host to send requests to`,
      );
      expect(lookup.names).toEqual([]);
    },
  );
});

describe('a connection', () => {
  it.each(['GET', 'HEAD'] as const)('serves many requests: %s', async (method) => {
    const connections = new Set<object>();
    const server = await listen((request, response) => {
      connections.add(request.socket);
      response.writeHead(200, { 'content-length': 5 }).end('hello');
    });
    const probe = newProbe();
    for (let i = 0; i < 20; i++) await probe.outcome({ host: server.host, method });
    // One is not yet idle when the next request comes.
    expect(connections.size).toBeLessThanOrEqual(2);
  });

  it('leaves neither timers nor listeners behind', async () => {
    const server = await listen((request, response) => {
      if (request.url === '/broken') request.socket.destroy();
      else response.end('hello');
    });
    const clock = new FakeClock();
    const probe = newProbe({ clock });
    const { signal } = new AbortController();
    await probe.outcome({ host: server.host, signal });
    await probe.outcome({ host: server.host, path: '/broken', signal });
    expect(clock.pending).toEqual([]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('that the registry closed meanwhile is replaced', async () => {
    const used = new WeakSet<object>();
    const server = await listen((request, response) => {
      if (used.has(request.socket)) request.socket.destroy();
      else response.end('hello');
      used.add(request.socket);
    });
    const probe = newProbe();
    expect(await probe.outcome({ host: server.host })).toBe('200 hello');
    await settle();
    expect(await probe.outcome({ host: server.host })).toBe('200 hello');
    expect(server.requests).toHaveLength(3);
  });

  it('that the registry always closes is given up', async () => {
    const server = await listen((request) => request.socket.destroy());
    const probe = newProbe();
    expect(await probe.outcome({ host: server.host })).toBe('unreachable: other side closed');
    expect(server.requests).toHaveLength(2);
  });

  it('is closed by an answer that is too long or was not asked for, and others work on', async () => {
    const server = await listen((request, response) => {
      if (request.url === '/long') response.end('x'.repeat(2_000));
      else if (request.url === '/packed') response.writeHead(200, { 'content-encoding': 'br' }).end('x');
      else response.end('hello');
    });
    const probe = newProbe();
    const ask = (path: string): Promise<string> => probe.outcome({ host: server.host, path });
    expect(await Promise.all(['/long', '/', '/packed', '/long', '/'].map(ask))).toEqual([
      'too-large: the answer is longer than 1000 bytes',
      '200 hello',
      'registry-error: the registry sent a compressed answer (br) that was not asked for',
      'too-large: the answer is longer than 1000 bytes',
      '200 hello',
    ]);
    expect(await ask('/')).toBe('200 hello');
  });
});
