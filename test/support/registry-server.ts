import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';

import { freePorts, type PickPorts } from './free-ports.ts';
import { basicAuthorization, type HtpasswdUser, htpasswdFile } from './htpasswd.ts';
import type { ImageTarget } from './images.ts';
import { ProgramRunner, type RunningProgram } from './program-runner.ts';
import { retryWithNewPorts } from './retry-with-new-ports.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
import type { TlsFiles } from './tls-files.ts';
import type { TokenServer } from './token-server.ts';

const READY_TIMEOUT_MS = 20_000;
/** Tells this registry from another one that was faster on its port. */
const IDENTITY_HEADER = 'x-test-registry';

/** Who gets in. */
export type RegistryAuth =
  /** Basic credentials; the first of the users pushes. */
  | { readonly kind: 'htpasswd'; readonly users: readonly [HtpasswdUser, ...HtpasswdUser[]] }
  /** Tokens of this server, which the caller stops. */
  | { readonly kind: 'token'; readonly server: TokenServer };

/** What makes a registry other than open and plain. */
export interface RegistryProtection {
  /** It then speaks HTTPS. */
  readonly tls?: TlsFiles | undefined;
  /** It then asks for credentials, for everything. */
  readonly auth?: RegistryAuth | undefined;
}

export interface RegistryServerOptions extends RegistryProtection {
  /** Folder with the `registry` program. */
  readonly assets: string;
  readonly signal?: AbortSignal | undefined;
  /** Finds its port; a test can make it find a taken one. */
  readonly pickPorts?: PickPorts | undefined;
}

/** The distribution registry on loopback: plain HTTP and no credentials unless told, deletion allowed. */
export class RegistryServer {
  readonly #port: number;
  readonly #assets: string;
  readonly #folder: string;
  readonly #temporary: TemporaryFolder | undefined;
  readonly #identity = randomUUID();
  readonly #runner = new ProgramRunner();
  readonly #protection: RegistryProtection;
  /** Trusts the registry's certificate. */
  readonly #agent: Agent | undefined;
  #program: RunningProgram | undefined;

  /** Its data goes into `folder`: a temporary one is removed by `close`, a path stays. */
  constructor(
    options: { port: number; assets: string; folder: string | TemporaryFolder } & RegistryProtection,
  ) {
    const { folder, tls, auth } = options;
    this.#protection = { tls, auth };
    if (tls !== undefined) this.#agent = new Agent({ connect: { ca: tls.ca } });
    this.#port = options.port;
    this.#assets = options.assets;
    this.#temporary = typeof folder === 'string' ? undefined : folder;
    this.#folder = typeof folder === 'string' ? folder : folder.path;
  }

  /** `127.0.0.1:port`, as in an image reference. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `${this.#scheme}://${this.host}`;
  }

  /** What it logged: a line for each request, in the combined format, between lines of its own. */
  get logPath(): string {
    return join(this.#folder, 'registry.log');
  }

  /** Where to push images of this repository, with all that it takes to get in, and to mount blobs of another one. */
  target(repository: string, tag?: string, mountedFrom?: string): ImageTarget {
    const authorization = this.#pushAuthorization(repository, mountedFrom);
    return {
      host: this.host,
      repository,
      ...(tag !== undefined && { tag }),
      access: {
        scheme: this.#scheme,
        ...(this.#agent && { dispatcher: this.#agent }),
        ...(authorization !== undefined && { authorization }),
      },
    };
  }

  /** Process ids of what runs now. */
  get pids(): readonly number[] {
    return this.#runner.pids();
  }

  /**
   * Starts it, the first time or after `stop`: on the same port, with the images that it had.
   * @throws ProgramError when it does not come up.
   */
  async start(signal?: AbortSignal): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await this.#writeAuth();
    const configuration = join(this.#folder, 'config.json');
    await writeFile(configuration, JSON.stringify(this.#configuration(), null, 2));
    signal?.throwIfAborted();
    this.#program = this.#runner.start({
      path: join(this.#assets, 'registry'),
      args: ['serve', configuration],
      folder: this.#folder,
      // Its default is to send traces to a collector, and to log that there is none.
      environment: { OTEL_TRACES_EXPORTER: 'none' },
    });
    await this.#program.ready(() => this.#answers(), {
      timeoutMs: READY_TIMEOUT_MS,
      ...(signal && { signal }),
    });
  }

  /** Takes it down, as a crash would; the images stay for the next `start`. */
  async stop(): Promise<void> {
    await this.#program?.kill();
  }

  /** Changes who gets in while it runs: for passwords that are rotated. Only for one with htpasswd. */
  async changeUsers(users: readonly HtpasswdUser[]): Promise<void> {
    await writeFile(this.#htpasswdPath, htpasswdFile(users));
  }

  /** Takes it down for good. */
  async close(): Promise<void> {
    await this.#agent?.destroy();
    await this.#runner.killAll();
    await this.#temporary?.remove();
  }

  async #answers(): Promise<boolean> {
    // One that wants credentials answers 401, with this header too.
    const { headers, body } = await request(`${this.url}/v2/`, {
      headersTimeout: 2_000,
      ...(this.#agent && { dispatcher: this.#agent }),
    });
    await body.dump();
    return headers[IDENTITY_HEADER] === this.#identity;
  }

  get #scheme(): 'http' | 'https' {
    return this.#protection.tls === undefined ? 'http' : 'https';
  }

  get #htpasswdPath(): string {
    return join(this.#folder, 'htpasswd');
  }

  get #jwksPath(): string {
    return join(this.#folder, 'jwks.json');
  }

  #pushAuthorization(repository: string, mountedFrom: string | undefined): string | undefined {
    const { auth } = this.#protection;
    switch (auth?.kind) {
      case undefined:
        return undefined;
      case 'htpasswd':
        return basicAuthorization(auth.users[0]);
      case 'token':
        return `Bearer ${auth.server.issue(repository, ['pull', 'push', 'delete'], mountedFrom)}`;
    }
  }

  /** Writes the files that the configuration names. */
  async #writeAuth(): Promise<void> {
    const { auth } = this.#protection;
    if (auth?.kind === 'htpasswd') await this.changeUsers(auth.users);
    if (auth?.kind === 'token') await writeFile(this.#jwksPath, JSON.stringify(auth.server.jwks));
  }

  #authConfiguration(): object | undefined {
    const { auth } = this.#protection;
    switch (auth?.kind) {
      case undefined:
        return undefined;
      case 'htpasswd':
        return { htpasswd: { realm: 'test registry', path: this.#htpasswdPath } };
      case 'token': {
        const { realm, service, issuer } = auth.server;
        return { token: { realm, service, issuer, jwks: this.#jwksPath } };
      }
    }
  }

  /** The configuration file is YAML, of which JSON is a part. */
  #configuration(): object {
    const { tls } = this.#protection;
    const auth = this.#authConfiguration();
    return {
      version: '0.1',
      log: { level: 'info' },
      storage: {
        filesystem: { rootdirectory: join(this.#folder, 'data') },
        delete: { enabled: true },
        maintenance: { uploadpurging: { enabled: false } },
      },
      http: {
        addr: this.host,
        headers: { [IDENTITY_HEADER]: [this.#identity] },
        ...(tls && { tls: { certificate: tls.certificatePath, key: tls.certificateKeyPath } }),
      },
      ...(auth && { auth }),
    };
  }
}

/** Starts a registry of one's own, with its data in a temporary folder. */
export async function startRegistry(options: RegistryServerOptions): Promise<RegistryServer> {
  return retryWithNewPorts(async () => {
    const [port = 0] = await (options.pickPorts ?? freePorts)(1);
    const registry = new RegistryServer({
      port,
      assets: options.assets,
      folder: await createTemporaryFolder(),
      tls: options.tls,
      auth: options.auth,
    });
    try {
      await registry.start(options.signal);
      return registry;
    } catch (error) {
      await registry.close();
      throw error;
    }
  });
}
