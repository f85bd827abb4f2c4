/** The registry policy's file: read at the start, and again whenever its content changes. */
import { open } from 'node:fs/promises';
import type { Logger } from 'pino';
import { emptyPolicy, type RegistryPolicy } from '../domain/registry-policy.ts';
import { type ParsedPolicy, parseRegistryPolicy } from '../domain/registry-policy-document.ts';
import { BodyTooLargeError, readBounded } from '../runtime/bounded-body.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { parseYamlDocument } from '../runtime/yaml-document.ts';

/** What a {@link PolicyFile} needs. */
export interface PolicyFileOptions {
  /** Undefined means that there is no file and the policy is the empty one. */
  readonly path: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hears of every policy that comes into force after the first. */
  readonly onChange?: (policy: RegistryPolicy) => void;
  /** Milliseconds from one look at the file to the next; default {@link defaultPollMs}. */
  readonly pollMs?: number;
}

/** The kubelet brings a changed ConfigMap into its volume once a minute: this adds little to that. */
export const defaultPollMs = 10_000;

/** No ConfigMap is larger. */
const maxBytes = 1024 * 1024;
/** Faults that an error and a log line list; the others are counted. */
const maxListedFaults = 50;
/** A policy is three levels deep. */
const maxDepth = 10;

/** What a look at the file gave: its text, or why there is none. Equal texts are the same thing seen again. */
interface Look {
  readonly readable: boolean;
  readonly text: string;
}

/**
 * Keeps the policy in force. A file that is broken or gone after the start changes nothing: the last good policy stays,
 * because running without the blocks and mirrors that somebody asked for is worse than running with old ones.
 */
export class PolicyFile {
  readonly #options: PolicyFileOptions;
  #current: RegistryPolicy = emptyPolicy;
  /** Text of the last look. */
  #seen: string | undefined;
  /** Text that {@link current} came from. */
  #inForce: string | undefined;

  constructor(options: PolicyFileOptions) {
    this.#options = options;
  }

  /** The policy in force; the empty one before {@link load}. */
  get current(): RegistryPolicy {
    return this.#current;
  }

  /** Reads the file for the first time. Throws an error with the file's path and all its faults. */
  async load(): Promise<void> {
    const { path, log } = this.#options;
    if (path === undefined) return;
    const look = await lookAt(path);
    const parsed = parseLook(look);
    if (!parsed.ok) throw new Error(describeFaults(path, parsed.faults));
    this.#seen = look.text;
    this.#take(look.text, parsed.policy);
    log.info({ path, ...sizeOf(parsed.policy) }, 'registry policy loaded');
  }

  /** Looks at the file again and again until the signal is aborted. */
  start(signal: AbortSignal): void {
    const { path } = this.#options;
    if (path !== undefined) void this.#follow(path, signal);
  }

  async #follow(path: string, signal: AbortSignal): Promise<void> {
    const { clock, log, pollMs = defaultPollMs } = this.#options;
    // Not fs.watch: a ConfigMap volume changes by one rename of a link two folders away (..data), which a watch of the
    // file never sees and a watch of the folder tells differently on each file system. The content tells always; the
    // time of modification does not, because the new file may be as old as the old one.
    for (;;) {
      await sleep(clock, pollMs, signal);
      if (signal.aborted) return;
      try {
        this.#compare(path, await lookAt(path));
      } catch (error) {
        // Only a listener can throw. The policy is in force all the same, and the next change must be seen.
        log.error({ err: error, path }, 'registry policy changed, but not everybody could follow');
      }
    }
  }

  #compare(path: string, look: Look): void {
    if (look.text === this.#seen) return;
    this.#seen = look.text;
    const { log, onChange } = this.#options;
    const parsed = parseLook(look);
    if (!parsed.ok) {
      const faults = listFaults(parsed.faults);
      log.error({ path, faults }, 'registry policy has faults: the last good one stays in force');
      return;
    }
    if (look.text === this.#inForce) {
      log.info({ path }, 'registry policy is the one in force again');
      return;
    }
    this.#take(look.text, parsed.policy);
    log.info({ path, ...sizeOf(parsed.policy) }, 'registry policy changed');
    onChange?.(parsed.policy);
  }

  #take(text: string, policy: RegistryPolicy): void {
    this.#inForce = text;
    this.#current = policy;
  }
}

/** Reads the file. Never throws: what is wrong is in the result. */
async function lookAt(path: string): Promise<Look> {
  try {
    return { readable: true, text: await readText(path) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { readable: false, text: `cannot be read: ${problem}` };
  }
}

function parseLook({ readable, text }: Look): ParsedPolicy {
  return readable ? parseText(text) : { ok: false, faults: [text] };
}

/** The file's text. Throws when it is too large, no UTF-8, or not readable. */
async function readText(path: string): Promise<string> {
  const file = await open(path);
  // The stream closes the file. What the file says of its size is not asked: it may grow meanwhile, or have none.
  const bytes = await readBounded(file.createReadStream(), maxBytes).catch((error: unknown) => {
    if (error instanceof BodyTooLargeError) {
      throw new Error(`it is larger than ${maxBytes} bytes`, { cause: error });
    }
    throw error;
  });
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function parseText(text: string): ParsedPolicy {
  const parsed = parseYamlDocument(text, { maxDepth });
  return parsed.ok ? parseRegistryPolicy(parsed.document) : { ok: false, faults: [parsed.fault] };
}

function describeFaults(path: string, faults: readonly string[]): string {
  return [`The registry policy ${path} has faults:`, ...listFaults(faults).map((fault) => `  ${fault}`)].join(
    '\n',
  );
}

function listFaults(faults: readonly string[]): readonly string[] {
  const more = faults.length - maxListedFaults;
  return more <= 0 ? faults : [...faults.slice(0, maxListedFaults), `and ${more} more`];
}

/** How many rules of each sort, for the log. */
function sizeOf(policy: RegistryPolicy): Record<keyof RegistryPolicy, number> {
  return {
    mirrors: policy.mirrors.length,
    blocked: policy.blocked.length,
    allowed: policy.allowed.length,
    insecure: policy.insecure.length,
    rates: policy.rates.length,
  };
}
