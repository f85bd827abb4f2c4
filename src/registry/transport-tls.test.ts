import { execFile } from 'node:child_process';
import type { RequestListener } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { HttpListener } from '../../test/support/http-listener.ts';
import { loopbackLookup, TransportProbe, tlsFixture } from '../../test/support/transport-probe.ts';
import type { RegistryTransportOptions } from './transport.ts';

const execute = promisify(execFile);
const probeUrl = new URL('../../test/support/transport-probe.ts', import.meta.url).href;
const ca = tlsFixture('ca');
const otherCa = tlsFixture('other-ca');
const key = tlsFixture('server-key');
const trusted = { ca, insecure: false } as const;

async function listen(
  certificate: string | undefined,
  listener: RequestListener = (_request, response) => response.end('hello'),
): Promise<HttpListener> {
  const tls = certificate === undefined ? undefined : { cert: tlsFixture(certificate), key };
  const server = await HttpListener.start(listener, tls);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function newProbe(options: Partial<RegistryTransportOptions> = {}): TransportProbe {
  const probe = new TransportProbe(options);
  onTestFinished(() => probe[Symbol.asyncDispose]());
  return probe;
}

describe('a registry with TLS', () => {
  const untrusted = 'certificate: unable to verify the first certificate';
  it.each([
    {
      name: 'is trusted by the bundle of the namespace',
      certificate: 'server',
      bundle: ca,
      want: '200 hello',
    },
    {
      name: 'is trusted by the bundle of the operator',
      certificate: 'server',
      operator: ca,
      want: '200 hello',
    },
    {
      name: 'is trusted by one of both',
      certificate: 'server',
      operator: ca,
      bundle: otherCa,
      want: '200 hello',
    },
    {
      name: 'is trusted by one of several in a bundle with comments',
      certificate: 'server',
      bundle: `# ours\n${otherCa}\n# theirs\r\n${ca.replaceAll('\n', '\r\n')}`,
      want: '200 hello',
    },
    { name: 'is not trusted without', certificate: 'server', want: untrusted },
    { name: 'is not trusted by another CA', certificate: 'server', bundle: otherCa, want: untrusted },
    {
      name: 'is not trusted under another name',
      certificate: 'elsewhere',
      bundle: ca,
      want: "certificate: Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list:",
    },
    {
      name: 'is not trusted when it signed itself',
      certificate: 'self-signed',
      bundle: ca,
      want: 'certificate: self-signed certificate',
    },
    {
      name: 'and a bundle without certificates says so',
      certificate: 'server',
      bundle: 'oops',
      want: 'certificate: the CA bundle holds no certificate in PEM form',
    },
    {
      name: 'and a broken bundle says so',
      certificate: 'server',
      bundle: ca + ca.replace(/\n.{20}/, '\n'),
      want: 'certificate: certificate 2 of the CA bundle cannot be read',
    },
  ])('$name', async ({ certificate, operator, bundle, want }) => {
    const server = await listen(certificate);
    const probe = newProbe({ ca: operator });
    expect(await probe.outcome({ host: server.host, insecure: false, ca: bundle })).toBe(want);
    expect(server.requests).toHaveLength(want.startsWith('200') ? 1 : 0);
  });

  it('by name is asked for that name', async () => {
    const server = await listen('server');
    const probe = newProbe({ lookup: loopbackLookup() });
    const port = new URL(server.url).port;
    expect(await probe.outcome({ host: `registry.test:${port}`, ...trusted })).toBe('200 hello');
    expect(await probe.outcome({ host: `other.test:${port}`, ...trusted })).toMatch(
      /^certificate: Hostname\/IP does not match certificate's altnames: Host: other.test/,
    );
  });

  it('does not lend its connections to those who trust others', async () => {
    const server = await listen('server');
    const probe = newProbe();
    const { host } = server;
    expect(await probe.outcome({ host, insecure: true })).toBe('200 hello');
    expect(await probe.outcome({ host, ...trusted })).toBe('200 hello');
    expect(await probe.outcome({ host, insecure: false })).toBe(untrusted);
    expect(await probe.outcome({ host, insecure: false, ca: otherCa })).toBe(untrusted);
    expect(await probe.outcome({ host, insecure: true, ca: 'oops' })).toBe('200 hello');
    expect(server.requests).toHaveLength(3);
  });

  it('does not lead to plain HTTP unless the tag is insecure', async () => {
    const plain = await listen(undefined);
    const server = await listen('server', (_request, response) => {
      response.writeHead(307, { location: `${plain.url}/there` }).end();
    });
    const probe = newProbe();
    expect(await probe.outcome({ host: server.host, ...trusted })).toBe(
      `registry-error: the registry redirects to http://${plain.host}, which is not HTTPS`,
    );
    expect(await probe.outcome({ host: server.host, insecure: true })).toBe('200 hello');
  });

  it('that is too old fails with the reason alone', async () => {
    const server = createTlsServer({
      cert: tlsFixture('server'),
      key,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    }).on('tlsClientError', () => undefined);
    const host = await hostOf(server);
    expect(await newProbe().outcome({ host, ...trusted })).toBe(
      'unreachable: the TLS handshake failed: tlsv1 alert protocol version',
    );
  });
});

describe('an operator', () => {
  it.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])('trusts what %s names', async (variable) => {
    const server = await listen('server');
    const script = `
      const { TransportProbe } = await import(${JSON.stringify(probeUrl)});
      await using probe = new TransportProbe();
      console.log(await probe.outcome({ host: '${server.host}', insecure: false }));`;
    const { SSL_CERT_FILE: _, SSL_CERT_DIR: __, NODE_EXTRA_CA_CERTS: ___, ...env } = process.env;
    const run = async (extra: Record<string, string>): Promise<string> => {
      const options = { env: { ...env, ...extra } };
      const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', script], options);
      return stdout.trim();
    };
    const path = fileURLToPath(new URL('../../test/fixtures/tls/ca.pem', import.meta.url));
    expect(await run({ [variable]: path })).toBe('200 hello');
    expect(await run({})).toBe('certificate: unable to verify the first certificate');
  });

  it('whose own bundle is broken does not start', () => {
    expect(() => newProbe({ ca: 'oops' })).toThrow('the CA bundle holds no certificate in PEM form');
  });
});

describe('an insecure registry', () => {
  it('is remembered as plain for ten minutes', async () => {
    const server = await listenToBoth();
    const clock = new FakeClock();
    const probe = newProbe({ clock });
    const ask = (): Promise<string> => probe.outcome({ host: server.host });
    expect([await ask(), await ask()]).toEqual(['200 plain', '200 plain']);
    expect(server.handshakes()).toBe(1);
    await clock.advance(599_000);
    await ask();
    expect(server.handshakes()).toBe(1);
    await clock.advance(1_000);
    await ask();
    expect(server.handshakes()).toBe(2);
  });

  it('that learns TLS is used with it at once', async () => {
    const server = await listenToBoth();
    const probe = newProbe();
    expect(await probe.outcome({ host: server.host })).toBe('200 plain');
    const tls = await listen('self-signed');
    server.upgradeTo(tls);
    expect(await probe.outcome({ host: server.host })).toBe('200 hello');
    expect(await probe.outcome({ host: server.host, insecure: false })).toBe(
      'certificate: self-signed certificate',
    );
  });

  it('that speaks TLS and then says nothing is not asked in plain HTTP', async () => {
    const server = createTlsServer({ cert: tlsFixture('server'), key }, () => undefined);
    let connections = 0;
    server.on('connection', () => connections++);
    const host = await hostOf(server);
    const probe = newProbe({ timeouts: { connectMs: 1_000, headersMs: 300, totalMs: 2_000 } });
    expect(await probe.outcome({ host, headers: { authorization: 'Basic secret' } })).toBe(
      'timeout: the registry did not answer in time',
    );
    expect(connections).toBe(1);
  });

  it('that does not get to TLS in time is asked in plain HTTP', async () => {
    // Takes the handshake for the beginning of a long request, as some servers do.
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        if (data[0] !== 22) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain');
      });
    });
    const host = await hostOf(server);
    const probe = newProbe({ timeouts: { connectMs: 300, headersMs: 300, totalMs: 2_000 } });
    expect(await probe.outcome({ host })).toBe('200 plain');
  });

  it('that answered is not asked in plain HTTP when its answer breaks off', async () => {
    const tls = await listen('server', (_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('x', () => response.socket?.destroy());
    });
    const server = await listenToBoth();
    server.upgradeTo(tls);
    expect(await newProbe().outcome({ host: server.host })).toMatch(/^unreachable: /);
    expect(server.handshakes()).toBe(1);
  });
});

/** A port that speaks plain HTTP and counts handshakes; later it speaks TLS, and calls plain HTTP a bad request. */
async function listenToBoth(): Promise<{
  host: string;
  handshakes: () => number;
  upgradeTo: (tls: HttpListener) => void;
}> {
  let handshakes = 0;
  let upgraded: HttpListener | undefined;
  const answer = (status: string, body: string): string =>
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      if (data[0] !== 22) {
        socket.end(
          upgraded === undefined ? answer('200 OK', 'plain') : answer('400 Bad Request', 'TLS please'),
        );
        return;
      }
      handshakes++;
      if (upgraded === undefined) {
        socket.destroy();
        return;
      }
      const inner = connect(Number(new URL(upgraded.url).port), '127.0.0.1');
      inner.on('error', () => socket.destroy());
      socket.on('close', () => inner.destroy());
      inner.write(data);
      socket.pipe(inner).pipe(socket);
    });
  });
  const host = await hostOf(server);
  const upgradeTo = (tls: HttpListener): void => {
    upgraded = tls;
  };
  return { host, handshakes: () => handshakes, upgradeTo };
}

async function hostOf(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}
