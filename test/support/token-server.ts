import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';

import { HttpListener } from './http-listener.ts';
import type { TlsIdentity } from './tls-files.ts';

/** Somebody whom the token server knows. */
export interface TokenUser {
  readonly name: string;
  readonly password: string;
  /** Also gets in with this OAuth2 refresh token, which Docker's configuration calls an identity token. */
  readonly identityToken?: string;
}

export interface TokenServerOptions {
  readonly users?: readonly TokenUser[];
  /** Repositories that need no account. None unless told. */
  readonly isPublic?: (repository: string) => boolean;
  /** What a known user may do; pull unless told. */
  readonly mayUse?: (user: string, repository: string) => readonly string[];
  /** Lifetime of the tokens in seconds; 300 unless told. */
  readonly expiresIn?: number;
  /** It then speaks HTTPS. */
  readonly tls?: TlsIdentity;
}

/** A request for a token. */
export interface TokenRequest {
  readonly method: string;
  /** How it asks: a GET (with or without Basic credentials), or a grant type of OAuth2. */
  readonly grant: string;
  readonly service: string;
  readonly scopes: readonly string[];
  readonly authorization: string | undefined;
  /** Everything in the query or the form. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The user that it turned out to be; undefined for nobody in particular. */
  user?: string | undefined;
  /** Undefined while it is not answered. */
  status?: number;
}

/** An answer that is not the honest one. */
export interface TokenAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Decides on an answer; undefined is the honest one. A promise holds the answer back. */
export type TokenRule = (request: TokenRequest) => TokenAnswer | undefined | Promise<TokenAnswer | undefined>;

type Access = readonly {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}[];

const honest: TokenRule = () => undefined;

/**
 * A token server as the distribution registry's `auth.token` wants it: it signs JSON web tokens with a key of its own.
 * https://distribution.github.io/distribution/spec/auth/ (GET: jwt, token; POST: oauth)
 */
export class TokenServer implements AsyncDisposable {
  readonly service = 'test-registry';
  readonly issuer = 'test-token-server';
  readonly #keyId = randomUUID();
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #strangersKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  readonly #options: TokenServerOptions;
  #users: readonly TokenUser[];
  #listener: HttpListener | undefined;
  #requests: TokenRequest[] = [];
  #rule: TokenRule = honest;

  private constructor(options: TokenServerOptions) {
    this.#options = options;
    this.#users = options.users ?? [];
  }

  static async start(options: TokenServerOptions = {}): Promise<TokenServer> {
    const server = new TokenServer(options);
    server.#listener = await HttpListener.start((request, response) => {
      server.#answer(request, response).catch(() => response.destroy());
    }, options.tls);
    return server;
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return this.#listener?.host ?? '';
  }

  /** The URL to ask for tokens. */
  get realm(): string {
    return `${this.#listener?.url ?? ''}/token`;
  }

  /** The public key, as the registry reads it. */
  get jwks(): object {
    const key = this.#keys.publicKey.export({ format: 'jwk' });
    return { keys: [{ ...key, kid: this.#keyId, use: 'sig', alg: 'ES256' }] };
  }

  /** Everything that was asked since the start or the last `forget`, oldest first. */
  get requests(): readonly TokenRequest[] {
    return this.#requests;
  }

  forget(): void {
    this.#requests = [];
  }

  /** From now on this decides on answers. */
  behave(rule: TokenRule): void {
    this.#rule = rule;
  }

  /** From now on answers are honest again. */
  recover(): void {
    this.#rule = honest;
  }

  /** From now on these users are known, and no others: for passwords that change. */
  changeUsers(users: readonly TokenUser[]): void {
    this.#users = users;
  }

  /** A token for anything, as the registry accepts it, and for pulls from another repository. */
  issue(repository: string, actions: readonly string[], pulledFrom?: string): string {
    const own = { type: 'repository', name: repository, actions };
    const other = pulledFrom === undefined ? [] : [{ ...own, name: pulledFrom, actions: ['pull'] }];
    return this.#sign([own, ...other], 'test');
  }

  /** A token that looks right and is signed with a key that the registry does not know. */
  forge(repository: string): string {
    return this.#sign(
      [{ type: 'repository', name: repository, actions: ['pull'] }],
      'test',
      this.#strangersKey,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    this.#requests.push(request);
    const { status, headers, body } = (await this.#rule(request)) ?? this.#honestAnswer(request);
    request.status = status;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  }

  #honestAnswer(request: TokenRequest): TokenAnswer {
    if (request.service !== this.service) return refusal(400, `unknown service ${request.service}`);
    const user = this.#userOf(request);
    if (user === 'unknown') return refusal(401, 'incorrect username or password');
    request.user = user?.name;
    // As the specification wants it: what is not allowed is left out, and the registry then refuses.
    const access = request.scopes.map((scope) => this.#grant(scope, user));
    const token = this.#sign(access, user?.name ?? '');
    const common = { expires_in: this.#lifetime, issued_at: new Date().toISOString() };
    if (request.method === 'GET') return ok({ token, access_token: token, ...common });
    const refresh = user?.identityToken;
    return ok({
      access_token: token,
      scope: request.scopes.join(' '),
      ...common,
      ...(request.parameters['access_type'] === 'offline' && refresh && { refresh_token: refresh }),
    });
  }

  get #lifetime(): number {
    return this.#options.expiresIn ?? 300;
  }

  /** Undefined is a request without credentials, which only a GET may be. */
  #userOf({ grant, authorization, parameters }: TokenRequest): TokenUser | 'unknown' | undefined {
    switch (grant) {
      case 'get': {
        if (authorization === undefined) return undefined;
        const [, encoded = ''] = /^Basic (.+)$/.exec(authorization) ?? [];
        const text = Buffer.from(encoded, 'base64').toString();
        return this.#userWith(text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1));
      }
      case 'password':
        return this.#userWith(parameters['username'] ?? '', parameters['password'] ?? '');
      case 'refresh_token': {
        const given = parameters['refresh_token'];
        return this.#users.find(({ identityToken }) => identityToken && identityToken === given) ?? 'unknown';
      }
      default:
        return 'unknown';
    }
  }

  #userWith(name: string, password: string): TokenUser | 'unknown' {
    return this.#users.find((user) => user.name === name && user.password === password) ?? 'unknown';
  }

  #grant(scope: string, user: TokenUser | undefined): Access[number] {
    const { isPublic = () => false, mayUse = () => ['pull'] } = this.#options;
    const [, type = '', name = '', wanted = ''] = /^([^:]*):(.*):([^:]*)$/.exec(scope) ?? [];
    const everybody = isPublic(name) ? ['pull'] : [];
    const allowed = [...everybody, ...(user === undefined ? [] : mayUse(user.name, name))];
    return { type, name, actions: wanted.split(',').filter((action) => allowed.includes(action)) };
  }

  #sign(access: Access, subject: string, key: KeyObject = this.#keys.privateKey): string {
    const now = Math.floor(Date.now() / 1000);
    const header = { typ: 'JWT', alg: 'ES256', kid: this.#keyId };
    const claims = {
      iss: this.issuer,
      sub: subject,
      aud: this.service,
      iat: now,
      nbf: now - 10,
      exp: now + this.#lifetime,
      jti: randomUUID(),
      access,
    };
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const signature = sign('sha256', Buffer.from(signed.join('.')), { key, dsaEncoding: 'ieee-p1363' });
    return [...signed, signature.toString('base64url')].join('.');
  }
}

async function readRequest(incoming: IncomingMessage): Promise<TokenRequest> {
  const { method = '', url = '', headers } = incoming;
  const body = await readText(incoming);
  const query = method === 'POST' ? new URLSearchParams(body) : new URL(url, 'http://x').searchParams;
  return {
    method,
    grant: method === 'POST' ? (query.get('grant_type') ?? '') : 'get',
    service: query.get('service') ?? '',
    // Several in one value, or several parameters: both are allowed.
    scopes: query
      .getAll('scope')
      .flatMap((scope) => scope.split(' '))
      .filter(Boolean),
    authorization: headers.authorization,
    parameters: Object.fromEntries(query),
  };
}

function ok(document: object): TokenAnswer {
  return { status: 200, body: JSON.stringify(document) };
}

function refusal(status: number, message: string): TokenAnswer {
  const code = status === 401 ? 'UNAUTHORIZED' : 'UNSUPPORTED';
  return { status, body: JSON.stringify({ errors: [{ code, message }] }) };
}
