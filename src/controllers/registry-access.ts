/**
 * What a namespace brings along to registries: its pull secrets and its certificate authorities. Read when an import needs
 * them and kept for a short time; never watched, never logged. A rotated secret is seen without a restart.
 */
import { configMaps, type Secret, secrets } from '../api/resources.ts';
import type { ImportFailureCode } from '../domain/import-failure.ts';
import { jsonEqual } from '../domain/json-difference.ts';
import {
  buildKeychain,
  isPullSecret,
  type Keychain,
  type PullSecret,
  pullSecretKeys,
} from '../domain/pull-credentials.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { RegistryError } from '../registry/errors.ts';
import { abortable } from '../runtime/abortable.ts';
import { BodyTooLargeError } from '../runtime/bounded-body.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { Clock } from '../runtime/clock.ts';

/** What imports of a namespace may use. */
export interface RegistryAccess {
  readonly keychain: Keychain;
  /** PEM bundle that is trusted beside the system's and the operator's. */
  readonly ca: string | undefined;
  /** When it was read (epoch milliseconds). */
  readonly readAt: number;
}

/** The ConfigMap of a namespace with certificate authorities for its registries, and its key. */
export const caConfigMap = { name: 'imagestream-operator-ca', key: 'ca.crt' } as const;

const keepMs = 60_000;
/** Namespaces that are held at the same time; the oldest goes first. */
const maxNamespaces = 500;
/** Pull secrets of a namespace and type that are read. */
const maxSecrets = 500;
/** All of these together. Whoever may write secrets in a namespace would else fill the memory of all. */
const maxSecretBytes = 8 * 1024 * 1024;
const maxCaLength = 512 * 1024;

/** Failures that a newer secret or certificate authority of the namespace may mend. */
const mendable: ReadonlySet<ImportFailureCode> = new Set(['unauthorized', 'denied', 'certificate']);

/** Options of {@link RegistryAccesses}. */
export interface RegistryAccessesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** What people call the program that lacks a right. */
  readonly reader: string;
}

/** Reads and holds the access of namespaces. */
export class RegistryAccesses {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #reader: string;
  /** Never aborted. */
  readonly #untilTheEnd = new AbortController().signal;
  readonly #held = new BoundedMap<
    string,
    { readonly access: Promise<RegistryAccess>; readonly until: number }
  >(maxNamespaces);

  constructor(options: RegistryAccessesOptions) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#reader = options.reader;
  }

  /**
   * Does some work with the access of a namespace. When an account or a certificate is refused, what was created or rotated
   * just now may be missing: the access is read anew, and the work done once more.
   */
  async with<T>(
    namespace: string,
    signal: AbortSignal,
    work: (access: RegistryAccess) => Promise<T>,
  ): Promise<T> {
    const access = await this.of(namespace, signal);
    try {
      return await work(access);
    } catch (error) {
      if (!(error instanceof RegistryError) || !mendable.has(error.code)) throw error;
      const fresh = await this.of(namespace, signal, access.readAt + 1);
      if (jsonEqual({ ...access, readAt: 0 }, { ...fresh, readAt: 0 })) throw error;
      return work(fresh);
    }
  }

  /** The access of a namespace; with `notBefore` (epoch milliseconds) one that was read since then. */
  async of(namespace: string, signal: AbortSignal, notBefore = 0): Promise<RegistryAccess> {
    const now = this.#clock.now();
    const held = this.#held.get(namespace);
    if (held !== undefined && held.until > now && held.until - keepMs >= notBefore)
      return abortable(held.access, signal);
    // Not the signal of one caller: others may wait for the same access, which the client ends in time.
    const access = this.#read(namespace, now, this.#untilTheEnd);
    access.catch(() => {
      if (this.#held.get(namespace)?.access === access) this.#held.delete(namespace);
    });
    this.#held.set(namespace, { access, until: now + keepMs });
    return abortable(access, signal);
  }

  async #read(namespace: string, readAt: number, signal: AbortSignal): Promise<RegistryAccess> {
    const types = Object.keys(pullSecretKeys);
    const [ca, ...lists] = await Promise.all([
      this.#readCa(namespace, signal),
      ...types.map((type) => this.#listSecrets(namespace, type, signal)),
    ]);
    const keychain = buildKeychain(
      lists.flatMap(({ found }) => found),
      decodeBase64,
    );
    const problems = [...lists.flatMap(({ problem }) => problem ?? []), ...ca.problems];
    return {
      keychain: { ...keychain, problems: [...new Set(problems), ...keychain.problems] },
      ca: ca.pem,
      readAt,
    };
  }

  async #listSecrets(
    namespace: string,
    type: string,
    signal: AbortSignal,
  ): Promise<{ found: readonly PullSecret[]; problem?: string }> {
    try {
      const options = {
        namespace,
        fieldSelector: `type=${type}`,
        limit: maxSecrets,
        maxBytes: maxSecretBytes,
      };
      const found = await this.#client.listNamespace(secrets, options, signal);
      return { found: found.filter(isPullSecret).map((secret) => pullSecretOf(secret, type)) };
    } catch (error) {
      if (isForbidden(error))
        return { found: [], problem: `${this.#reader} may not read the pull secrets of this namespace` };
      if (error instanceof BodyTooLargeError)
        return {
          found: [],
          problem: `the secrets of this namespace of the type ${type} are longer than ${maxSecretBytes} bytes in all, none of them is used`,
        };
      throw error;
    }
  }

  async #readCa(
    namespace: string,
    signal: AbortSignal,
  ): Promise<{ pem: string | undefined; problems: readonly string[] }> {
    const name = `ConfigMap ${caConfigMap.name}`;
    try {
      const { data } = await this.#client.get(configMaps, { namespace, name: caConfigMap.name }, signal);
      const pem = data?.[caConfigMap.key];
      if (pem === undefined) return { pem: undefined, problems: [`${name} has no key ${caConfigMap.key}`] };
      if (pem.length > maxCaLength) return { pem: undefined, problems: [`${name} is too long`] };
      return { pem, problems: [] };
    } catch (error) {
      if (isNotFound(error)) return { pem: undefined, problems: [] };
      if (isForbidden(error)) return { pem: undefined, problems: [`${this.#reader} may not read ${name}`] };
      throw error;
    }
  }
}

function pullSecretOf({ metadata, data }: Secret, type: string): PullSecret {
  return { name: metadata.name, type, data: data?.[pullSecretKeys[type] ?? ''] };
}

function decodeBase64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
