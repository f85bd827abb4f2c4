import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { TransportProbe } from '../../test/support/transport-probe.ts';

interface HostileServer {
  readonly host: string;
  /** Connections that are not closed yet. */
  readonly open: ReadonlySet<Socket>;
}

/** A server that does to each plain connection what a registry would not. */
async function listen(behave: (socket: Socket) => void): Promise<HostileServer> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    // What begins with 22 is TLS, which is not spoken here.
    socket.once('data', (data) => (data[0] === 22 ? socket.destroy() : behave(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as { port: number }).port}`, open };
}

function newProbe(): TransportProbe {
  const probe = new TransportProbe({ timeouts: { connectMs: 1_000, headersMs: 300, totalMs: 700 } });
  onTestFinished(() => probe[Symbol.asyncDispose]());
  return probe;
}

/** Writes a beginning, and then the same bytes until the connection is closed. */
function repeat(socket: Socket, text: string, beginning = ''): void {
  socket.write(beginning);
  const piece = Buffer.from(text.repeat(Math.ceil(16_384 / text.length)));
  const write = (): void => {
    while (!socket.destroyed) if (!socket.write(piece)) return;
  };
  socket.on('drain', write);
  write();
}

const ok = 'HTTP/1.1 200 OK\r\n';

describe('an answer', () => {
  const tooLong = 'too-large: the answer is longer than 1000 bytes';
  const noAnswer = 'timeout: the registry did not answer in time';
  const noHttp = 'not-a-registry: the host did not answer with valid HTTP';
  it.each<{ name: string; behave: (socket: Socket) => void; method?: 'GET' | 'HEAD'; want: string | RegExp }>(
    [
      {
        name: 'that says it is too long is not read',
        behave: (socket) => socket.write(`${ok}content-length: 1001\r\n\r\n`),
        want: tooLong,
      },
      {
        name: 'without an end is cut',
        behave: (socket) => repeat(socket, 'x', `${ok}\r\n`),
        want: tooLong,
      },
      {
        name: 'in chunks without an end is cut',
        behave: (socket) => repeat(socket, '1\r\nx\r\n', `${ok}transfer-encoding: chunked\r\n\r\n`),
        want: tooLong,
      },
      {
        name: 'with an endless chunk extension',
        behave: (socket) => repeat(socket, 'x', `${ok}transfer-encoding: chunked\r\n\r\n1;`),
        want: /^(timeout|not-a-registry|unreachable|too-large): /,
      },
      {
        name: 'with endless headers',
        behave: (socket) => repeat(socket, 'x: y\r\n', ok),
        want: "too-large: the answer's headers are too long",
      },
      {
        name: 'with one endless header',
        behave: (socket) => repeat(socket, 'y', `${ok}x: `),
        want: "too-large: the answer's headers are too long",
      },
      {
        name: 'with endless trailers',
        behave: (socket) => repeat(socket, 'x: y\r\n', `${ok}transfer-encoding: chunked\r\n\r\n0\r\n`),
        want: "too-large: the answer's headers are too long",
      },
      {
        name: 'that is always about to come',
        behave: (socket) => {
          const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 150);
          socket.on('close', () => clearInterval(timer));
        },
        want: noAnswer,
      },
      {
        name: 'of early hints without an end',
        behave: (socket) => repeat(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'),
        want: 'not-a-registry: the host sends one provisional answer after the other',
      },
      {
        name: 'that drips',
        behave: (socket) => {
          socket.write(`${ok}content-length: 900\r\n\r\n`);
          const timer = setInterval(() => socket.write('x'), 20);
          socket.on('close', () => clearInterval(timer));
        },
        want: noAnswer,
      },
      {
        name: 'that stops',
        behave: (socket) => socket.write(`${ok}content-length: 900\r\n\r\nx`),
        want: noAnswer,
      },
      { name: 'that does not come', behave: () => undefined, want: noAnswer },
      {
        name: 'that ends early',
        behave: (socket) => socket.end(`${ok}content-length: 900\r\n\r\nx`),
        want: 'unreachable: other side closed',
      },
      {
        name: 'with two lengths',
        behave: (socket) => socket.end(`${ok}content-length: 3\r\ncontent-length: 5\r\n\r\nabc`),
        want: noHttp,
      },
      {
        name: 'of another protocol',
        behave: (socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
        want: noHttp,
      },
      {
        name: 'that switches the protocol',
        behave: (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'),
        want: noHttp,
      },
      {
        name: 'to a HEAD may be about as much as it likes',
        method: 'HEAD',
        behave: (socket) => socket.write(`${ok}content-length: 99999999999\r\n\r\n`),
        want: '200',
      },
      {
        name: 'that refuses keeps its status, however long its text is',
        behave: (socket) => repeat(socket, 'x', 'HTTP/1.1 429 Slow\r\n\r\n'),
        want: `429 ${'x'.repeat(1_000)}`,
      },
    ],
  )('$name', async ({ behave, method = 'GET', want }) => {
    const { host, open } = await listen(behave);
    const startedAt = performance.now();
    expect(await newProbe().outcome({ host, method })).toMatch(want);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    if (method !== 'HEAD') await eventually(() => open.size === 0, { what: 'the end of the connection' });
  });

  it('to a HEAD that has a body does not become the answer to the next request', async () => {
    const { host } = await listen((socket) => {
      const smuggled = 'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled';
      socket.write(`${ok}content-length: ${smuggled.length}\r\n\r\n${smuggled}`);
      socket.on('data', () => socket.write(`${ok}content-length: 6\r\n\r\nhonest`));
    });
    const probe = newProbe();
    expect(await probe.outcome({ host, method: 'HEAD' })).toBe('200');
    expect(await probe.outcome({ host })).toMatch(/^200 HTTP|^unreachable|^not-a-registry|^200 honest/);
  });

  it('of a megabyte in chunks of one byte is read in one piece', async () => {
    const size = 1024 ** 2;
    const { host } = await listen((socket) =>
      repeat(socket, '1\r\nx\r\n', `${ok}transfer-encoding: chunked\r\n\r\n`),
    );
    await using probe = new TransportProbe({
      timeouts: { connectMs: 1_000, headersMs: 1_000, totalMs: 20_000 },
    });
    const before = process.memoryUsage().rss;
    expect(await probe.outcome({ host, maxBytes: size })).toBe(
      `too-large: the answer is longer than ${size} bytes`,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2);
  });
});

describe('a request', () => {
  it('does not wait for a connection longer than for anything else', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const host = `127.0.0.1:${(silent.address() as { port: number }).port}`;
    await using probe = new TransportProbe({
      timeouts: { connectMs: 60_000, headersMs: 60_000, totalMs: 300 },
    });
    const startedAt = performance.now();
    // More than there are connections. TLS is never established, so that none of them gets one.
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => probe.outcome({ host, insecure: false })),
    );
    expect(new Set(outcomes)).toEqual(new Set(['timeout: the registry did not answer in time']));
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  it('of a caller that gives up ends, and no other', async () => {
    const { host } = await listen((socket) => {
      setTimeout(() => socket.end(`${ok}content-length: 2\r\n\r\nok`), 100);
    });
    const probe = newProbe();
    const abort = new AbortController();
    const given = probe.outcome({ host, signal: abort.signal });
    const other = probe.outcome({ host });
    abort.abort(new Error('enough'));
    expect(await given).toBe('unreachable: enough');
    expect(await other).toBe('200 ok');
    expect(await probe.outcome({ host, signal: abort.signal })).toBe('unreachable: enough');
  });
});
