import type { ServerResponse } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** What a hostile or broken registry does with a request. */
export type Behaviour =
  /** What a good registry would answer. */
  | { readonly kind: 'honest' }
  | ({ readonly kind: 'answer' } & Answer)
  /** A web page, as captive portals, login pages and balancers send it. 200 unless told. */
  | { readonly kind: 'html'; readonly status?: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'silent' }
  /** Cuts the connection at once. */
  | { readonly kind: 'disconnect' }
  /** The honest answer, when the promise resolves. */
  | { readonly kind: 'held'; readonly until: Promise<unknown> }
  /** The honest answer's headers, and then its body a byte at a time. */
  | { readonly kind: 'drip'; readonly periodMs: number }
  /** Half of the honest body; then nothing more (`stalls`), or the connection is cut. */
  | { readonly kind: 'half'; readonly stalls?: boolean }
  /** Bytes for as long as somebody reads them. */
  | { readonly kind: 'endless'; readonly contentType?: string; readonly status?: number }
  /** A small answer that unpacks to this many zeros; 64 MiB unless told. Several encodings are applied in order. */
  | {
      readonly kind: 'bomb';
      readonly encodings?: readonly Encoding[];
      readonly unpackedBytes?: number;
      readonly contentType?: string;
    }
  /** The honest headers, with the digest in them, over other bytes. */
  | { readonly kind: 'other-bytes' }
  /** The honest answer with headers changed, or taken away by undefined: a lying digest, no digest, quotas. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string | undefined>> }
  /** 307 unless told. */
  | { readonly kind: 'redirect'; readonly to: string; readonly status?: number }
  /** Redirects to itself for ever; each time to another address, so that a set of visited ones does not help. */
  | { readonly kind: 'redirect-loop' }
  /** 429, with the headers that are given. Quotas: `{ limit: '100;w=21600', remaining: '0;w=21600' }`. */
  | {
      readonly kind: 'too-many-requests';
      readonly retryAfter?: string;
      readonly rateLimit?: { readonly limit?: string; readonly remaining?: string; readonly reset?: string };
    }
  /** 401 with this challenge until the Authorization header is `accepts`; then honest. Nothing is accepted without it. */
  | { readonly kind: 'challenge'; readonly challenge: string; readonly accepts?: string }
  /** A list of tags. */
  | {
      readonly kind: 'tags';
      readonly tags: readonly string[];
      /** Tags of a page, at most as many as are asked for; all of them unless told. */
      readonly pageSize?: number;
      /** Where `Link` leads: honestly on, to the same page again, ever on with new tags, or to this URL. */
      readonly next?: 'honest' | 'itself' | 'endless' | URL;
    };

export type Encoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** A request in the hands of a behaviour. */
export interface Exchange {
  readonly method: string;
  readonly response: ServerResponse;
  /** Path and query on this registry. */
  readonly url: URL;
  readonly authorization: string | undefined;
  /** What a good registry would answer. */
  readonly honest: () => Answer;
}

const defaultBombBytes = 64 * 1024 ** 2;
const chunk = Buffer.alloc(64 * 1024, ' ');

const compress: Readonly<Record<Encoding, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gzipSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
  br: (bytes) => brotliCompressSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
};

type Handler<K extends Behaviour['kind']> = (
  behaviour: Extract<Behaviour, { kind: K }>,
  exchange: Exchange,
) => void;

const handlers: { readonly [K in Behaviour['kind']]: Handler<K> } = {
  honest: (_behaviour, exchange) => send(exchange, exchange.honest()),
  answer: ({ status, headers, body }, exchange) =>
    send(exchange, { status, ...(headers && { headers }), ...(body !== undefined && { body }) }),
  html: ({ status = 200 }, exchange) =>
    send(exchange, {
      status,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: '<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>',
    }),
  silent: () => undefined,
  disconnect: (_behaviour, { response }) => response.socket?.destroy(),
  held: ({ until }, exchange) => {
    const answer = (): void => send(exchange, exchange.honest());
    until.then(answer, answer);
  },
  drip: ({ periodMs }, { response, honest }) => {
    const { status, headers, body } = honest();
    const bytes = Buffer.from(body ?? '');
    response.writeHead(status, { ...headers, 'content-length': bytes.length }).flushHeaders();
    let sent = 0;
    const timer = setInterval(() => {
      response.write(bytes.subarray(sent, sent + 1));
      sent += 1;
      if (sent >= bytes.length) response.end();
    }, periodMs);
    response.once('close', () => clearInterval(timer));
  },
  half: ({ stalls = false }, { response, honest }) => {
    const { status, headers, body } = honest();
    const bytes = Buffer.from(body ?? '');
    response.writeHead(status, { ...headers, 'content-length': bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2), () => {
      if (!stalls) response.socket?.destroy();
    });
  },
  endless: ({ status = 200, contentType = 'application/json' }, { method, response }) => {
    response.writeHead(status, { 'content-type': contentType });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', pour);
    pour();
  },
  bomb: ({ encodings = ['gzip'], unpackedBytes = defaultBombBytes, contentType }, exchange) => {
    const body = encodings.reduce(
      (bytes: Buffer, encoding) => compress[encoding](bytes),
      Buffer.alloc(unpackedBytes),
    );
    const headers = {
      'content-type': contentType ?? 'application/json',
      'content-encoding': encodings.join(', '),
    };
    send(exchange, { status: 200, headers, body });
  },
  'other-bytes': (_behaviour, exchange) => {
    const { status, headers, body } = exchange.honest();
    const { 'content-length': _, ...kept } = { ...headers };
    // JSON stays JSON: only the digest tells.
    send(exchange, { status, headers: kept, body: `${Buffer.from(body ?? '').toString()} ` });
  },
  headers: ({ headers }, exchange) => {
    const honest = exchange.honest();
    const merged = { ...honest.headers, ...headers };
    const kept = Object.entries(merged).filter(
      (header): header is [string, string] => header[1] !== undefined,
    );
    send(exchange, { ...honest, headers: Object.fromEntries(kept) });
  },
  redirect: ({ to, status = 307 }, exchange) => send(exchange, { status, headers: { location: to } }),
  'redirect-loop': (_behaviour, exchange) => {
    const next = new URL(exchange.url);
    next.searchParams.set('hop', String(Number(next.searchParams.get('hop') ?? 0) + 1));
    send(exchange, { status: 307, headers: { location: `${next.pathname}${next.search}` } });
  },
  'too-many-requests': ({ retryAfter, rateLimit = {} }, exchange) => {
    const quota = Object.entries(rateLimit).map(([name, value]) => [`ratelimit-${name}`, value]);
    send(exchange, {
      status: 429,
      headers: {
        'content-type': 'application/json',
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
        ...Object.fromEntries(quota),
      },
      body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit reached"}]}',
    });
  },
  challenge: ({ challenge, accepts }, exchange) => {
    if (accepts !== undefined && exchange.authorization === accepts) {
      send(exchange, exchange.honest());
      return;
    }
    send(exchange, {
      status: 401,
      headers: { 'content-type': 'application/json', 'www-authenticate': challenge },
      body: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
    });
  },
  tags: (behaviour, exchange) => send(exchange, tagPage(behaviour, exchange.url)),
};

/** Does to a request what the behaviour says. */
export function misbehave(behaviour: Behaviour, exchange: Exchange): void {
  const handler = handlers[behaviour.kind] as (behaviour: Behaviour, exchange: Exchange) => void;
  handler(behaviour, exchange);
}

/** A page of tags, as the distribution specification has it: `n` of them after `last`, and a `Link` to the next ones. */
export function tagPage(
  { tags, pageSize = Number.POSITIVE_INFINITY, next = 'honest' }: Extract<Behaviour, { kind: 'tags' }>,
  url: URL,
): Answer {
  const { pathname, searchParams } = url;
  const last = searchParams.get('last') ?? '';
  const asked = Number(searchParams.get('n') ?? 0) || Number.POSITIVE_INFINITY;
  const size = Math.min(asked, pageSize);
  if (next === 'endless') {
    const first = last === '' ? 0 : Number(last.slice(1)) + 1;
    const page = Array.from({ length: Math.min(size, 1_000) }, (_, i) => `t${first + i}`);
    return tagAnswer(pathname, page, `${pathname}?last=${page.at(-1)}`);
  }
  const sorted = tags.toSorted();
  const rest = last === '' ? sorted : sorted.filter((tag) => tag > last);
  const page = rest.slice(0, size);
  if (next === 'itself') return tagAnswer(pathname, page, `${pathname}${url.search}`);
  if (next instanceof URL) return tagAnswer(pathname, page, next.href);
  const count = Number.isFinite(asked) ? `&n=${asked}` : '';
  const link = page.length < rest.length ? `${pathname}?last=${page.at(-1)}${count}` : undefined;
  return tagAnswer(pathname, page, link);
}

function tagAnswer(path: string, tags: readonly string[], link: string | undefined): Answer {
  const name = /^\/v2\/(.*)\/tags\/list$/.exec(path)?.[1] ?? '';
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...(link && { link: `<${link}>; rel="next"` }) },
    body: JSON.stringify({ name, tags }),
  };
}

function send({ response }: Exchange, { status, headers, body }: Answer): void {
  response.writeHead(status, headers).end(body);
}
