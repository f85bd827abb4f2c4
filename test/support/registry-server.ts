import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';

import { freePorts, type PickPorts } from './free-ports.ts';
import { ProgramRunner, type RunningProgram } from './program-runner.ts';
import { retryWithNewPorts } from './retry-with-new-ports.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

const READY_TIMEOUT_MS = 20_000;
/** Tells this registry from another one that was faster on its port. */
const IDENTITY_HEADER = 'x-test-registry';

export interface RegistryServerOptions {
  /** Folder with the `registry` program. */
  readonly assets: string;
  readonly signal?: AbortSignal | undefined;
  /** Finds its port; a test can make it find a taken one. */
  readonly pickPorts?: PickPorts | undefined;
}

/** The distribution registry on loopback: plain HTTP, no credentials, deletion allowed. */
export class RegistryServer {
  readonly #port: number;
  readonly #assets: string;
  readonly #folder: string;
  readonly #temporary: TemporaryFolder | undefined;
  readonly #identity = randomUUID();
  readonly #runner = new ProgramRunner();
  #program: RunningProgram | undefined;

  /** Its data goes into `folder`: a temporary one is removed by `close`, a path stays. */
  constructor(options: { port: number; assets: string; folder: string | TemporaryFolder }) {
    const { folder } = options;
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
    return `http://${this.host}`;
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

  /** Takes it down for good. */
  async close(): Promise<void> {
    await this.#runner.killAll();
    await this.#temporary?.remove();
  }

  async #answers(): Promise<boolean> {
    const { headers, body } = await request(`${this.url}/v2/`, { headersTimeout: 2_000 });
    await body.dump();
    return headers[IDENTITY_HEADER] === this.#identity;
  }

  /** The configuration file is YAML, of which JSON is a part. */
  #configuration(): object {
    return {
      version: '0.1',
      log: { level: 'info' },
      storage: {
        filesystem: { rootdirectory: join(this.#folder, 'data') },
        delete: { enabled: true },
        maintenance: { uploadpurging: { enabled: false } },
      },
      http: { addr: this.host, headers: { [IDENTITY_HEADER]: [this.#identity] } },
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
