/**
 * Finds out what a pull spec stands for: at the mirrors of its repository first, at the origin last, with the account of
 * the namespace that fits. Every failure is a {@link RegistryError}; nothing is written here.
 */
import type { Image } from '../api/generated/image.ts';
import { imageOf } from '../domain/image-object.ts';
import {
  type ImageReference,
  manifestIdentifier,
  pinToDigest,
  registryHost,
  repositoryPath,
} from '../domain/image-reference.ts';
import type { PlannedLookup } from '../domain/import-plan.ts';
import {
  chooseEntry,
  type IndexEntry,
  type Manifest,
  type Parsed,
  type Platform,
  parseImageConfig,
  parseManifest,
} from '../domain/manifest.ts';
import { findCredentials, type PullCredential } from '../domain/pull-credentials.ts';
import {
  importForbidden,
  type PullSource,
  pullSources,
  type RegistryPolicy,
} from '../domain/registry-policy.ts';
import { credentialIdentity } from '../registry/authenticator.ts';
import type { RegistryClient, RepositoryAccess } from '../registry/client.ts';
import { RegistryError } from '../registry/errors.ts';
import type { SharedProbes } from '../registry/shared-probes.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RegistryAccess } from './registry-access.ts';

/** What a pull spec stands for. */
export interface FoundImage {
  /** Of what consumers get: an image, or an index that is kept whole. */
  readonly image: string;
  /** Of what the tag's name stood for. */
  readonly digest: string;
}

/** On whose behalf something is looked up. */
export interface Reader {
  readonly access: RegistryAccess;
  readonly signal: AbortSignal;
}

/** What an image was made from, as the registry sent it. */
export interface ImageTexts {
  readonly manifest: string;
  /** The configuration document; empty for an index. */
  readonly config: string;
}

/** Gets every image that an import reads, those of an index before the index. */
export type StoreImage = (image: Image, texts: ImageTexts | undefined) => Promise<void>;

/** A repository to read from, and what becomes of the images. */
interface ImportPlace {
  /** As the tag names it; the repository may be a mirror of it. */
  readonly named: ImageReference;
  readonly repository: RepositoryAccess;
  readonly store: StoreImage;
  readonly keepsTexts: boolean;
}

/** Options of {@link ImageLookup}. */
export interface ImageLookupOptions {
  readonly registry: RegistryClient;
  readonly probes: SharedProbes;
  readonly policy: () => RegistryPolicy;
  readonly clock: Clock;
}

/** Entries of an index that are fetched when it is kept whole. */
const maxIndexEntries = 100;
const parallelEntries = 4;
/** Longer texts than this are not handed on: each import that waits for its next document would hold one. */
const maxTextLength = 256 * 1024;
/** Indexes in each other that are looked into. */
const maxIndexDepth = 3;

/** Looks images up for a namespace. */
export class ImageLookup {
  readonly #options: ImageLookupOptions;
  /** Never aborted. */
  readonly #untilTheEnd = new AbortController().signal;

  constructor(options: ImageLookupOptions) {
    this.#options = options;
  }

  /**
   * Reads manifest and configuration, all verified against their digests, and stores what was read; of the image that the tag
   * has already, only the manifest. With `keepsTexts` each image comes with its texts, where these are of a length that is
   * in use.
   */
  find(lookup: PlannedLookup, reader: Reader, store: StoreImage, keepsTexts = false): Promise<FoundImage> {
    return this.#atSources(lookup, reader, (repository) =>
      this.#import(lookup, { named: lookup.reference, repository, store, keepsTexts }),
    );
  }

  /** The digest that the name stands for now; streams that ask the same share the answer. `announced` asks anew. */
  probe(lookup: PlannedLookup, reader: Reader, announced: boolean): Promise<string> {
    return this.#atSources(lookup, reader, (repository) => {
      const { reference, insecure, ca, credential } = repository;
      const identifier = manifestIdentifier(reference);
      const place = [registryHost(reference), repositoryPath(reference), identifier];
      const question = JSON.stringify([...place, insecure, ca ?? '', credentialIdentity(credential)]);
      // Not the signal of one stream: others may wait for the same answer, which the transport ends in time.
      const ask = (): Promise<string> =>
        this.#options.registry.probe({ ...repository, signal: this.#untilTheEnd }, identifier);
      return this.#options.probes.probe(question, ask, announced);
    });
  }

  /** The tags of a repository, at the origin only: mirrors hold what was asked of them, not all there is. */
  list(target: ImageReference, insecure: boolean, reader: Reader): Promise<readonly string[]> {
    const work = (repository: RepositoryAccess): Promise<readonly string[]> =>
      this.#options.registry.listTags(repository);
    return this.#atSources({ reference: target, insecure }, reader, work, ({ origin }) => origin);
  }

  async #atSources<T>(
    { reference, insecure }: Pick<PlannedLookup, 'reference' | 'insecure'>,
    reader: Reader,
    work: (repository: RepositoryAccess) => Promise<T>,
    mayServe: (source: PullSource) => boolean = () => true,
  ): Promise<T> {
    const policy = this.#options.policy();
    const forbidden = importForbidden(policy, reference, insecure);
    if (forbidden !== undefined) throw new RegistryError('forbidden', forbidden);
    const failures: RegistryError[] = [];
    for (const source of pullSources(policy, reference).filter(mayServe)) {
      const asked = { ...source, insecure: source.insecure || (insecure && source.origin) };
      try {
        return await this.#asAccount(asked, reader, work);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        failures.push(error);
      }
    }
    throw joined(failures);
  }

  /** With the account that fits best; when it is refused, once without: the image may be public. */
  async #asAccount<T>(
    { reference, insecure }: PullSource,
    { access, signal }: Reader,
    work: (repository: RepositoryAccess) => Promise<T>,
  ): Promise<T> {
    const [credential] = findCredentials(access.keychain, reference);
    const repository = { reference, insecure, ca: access.ca, signal };
    try {
      return await work({ ...repository, credential });
    } catch (error) {
      if (isCertificateFailure(error)) throw withNotes(error, access.keychain.problems);
      if (!isRefusal(error)) throw error;
      if (credential === undefined)
        throw withNotes(error, [...noAccount(reference), ...access.keychain.problems]);
      try {
        return await work({ ...repository, credential: undefined });
      } catch {
        throw withNotes(error, [triedAccount(credential, error), ...access.keychain.problems]);
      }
    }
  }

  async #import(lookup: PlannedLookup, place: ImportPlace): Promise<FoundImage> {
    const found = await this.#fetch(manifestIdentifier(place.repository.reference), place);
    const { manifest, digest } = found;
    const isWhole = manifest.kind === 'image' || lookup.importMode === 'PreserveOriginal';
    // What it is made of was read and stored when the tag got it.
    if (isWhole && digest === lookup.held) return { image: digest, digest };
    if (manifest.kind === 'image') {
      await this.#storeImage({ ...found, manifest }, place);
      return { image: digest, digest };
    }
    if (lookup.importMode === 'PreserveOriginal') {
      await this.#storeEntries(manifest.entries, place);
      await this.#storeIndex(found, place);
      return { image: digest, digest };
    }
    const chosen = await this.#chooseImage(manifest.entries, lookup.platform, place);
    if (chosen.digest !== lookup.held) await this.#storeImage(chosen, place);
    return { image: chosen.digest, digest };
  }

  /** The image that a Legacy import keeps of an index; an index in the index is reduced the same way. */
  async #chooseImage(
    entries: readonly IndexEntry[],
    platform: Platform,
    place: ImportPlace,
  ): Promise<Fetched<ImageManifest>> {
    let candidates = entries;
    for (let depth = 0; depth < maxIndexDepth; depth++) {
      const entry = chooseEntry(candidates, platform);
      if (entry === undefined) throw new RegistryError('invalid-manifest', 'the index lists no image');
      const { manifest, ...fetched } = await this.#fetch(entry.digest, place);
      if (manifest.kind === 'image') return { ...fetched, manifest };
      candidates = manifest.entries;
    }
    throw new RegistryError(
      'invalid-manifest',
      `the index has more than ${maxIndexDepth} indexes in each other`,
    );
  }

  /** All images of an index; what does not run, such as an attestation, is listed in the index only. */
  async #storeEntries(entries: readonly IndexEntry[], place: ImportPlace): Promise<void> {
    const runnable = entries.filter(({ platform }) => platform !== undefined && platform.os !== 'unknown');
    if (runnable.length === 0) throw new RegistryError('invalid-manifest', 'the index lists no image');
    if (runnable.length > maxIndexEntries) {
      throw new RegistryError('too-large', `the index lists more than ${maxIndexEntries} images`);
    }
    const waiting = new Map(runnable.map((entry) => [entry.digest, entry])).keys();
    const worker = async (): Promise<void> => {
      for (const digest of waiting) {
        const fetched = await this.#fetch(digest, place);
        const { manifest } = fetched;
        if (manifest.kind === 'image') await this.#storeImage({ ...fetched, manifest }, place);
        else await this.#storeIndex(fetched, place);
      }
    };
    await Promise.all(Array.from({ length: parallelEntries }, worker));
  }

  async #fetch(identifier: string, { repository, keepsTexts }: ImportPlace): Promise<Fetched<Manifest>> {
    const { digest, text, contentType } = await this.#options.registry.getManifest(repository, identifier);
    const manifest = parsedValue(parseManifest(text, contentType));
    return { digest, manifest, ...(keepsTexts && text.length <= maxTextLength ? { text } : {}) };
  }

  async #storeImage(fetched: Fetched<ImageManifest>, place: ImportPlace): Promise<void> {
    const config = await this.#options.registry.getConfig(place.repository, fetched.manifest.config);
    await this.#store(fetched, config, place);
  }

  async #storeIndex(fetched: Fetched<Manifest>, place: ImportPlace): Promise<void> {
    await this.#store(fetched, undefined, place);
  }

  async #store(
    { digest, text, manifest }: Fetched<Manifest>,
    configText: string | undefined,
    { named, store, keepsTexts }: ImportPlace,
  ): Promise<void> {
    const dockerImageReference = pinToDigest(named, digest);
    const config = configText === undefined ? undefined : parsedValue(parseImageConfig(configText));
    const fetchedAt = this.#options.clock.now();
    const image = imageOf({ digest, dockerImageReference, manifest, config, fetchedAt });
    const texts = text === undefined ? undefined : { manifest: text, config: configText ?? '' };
    const isKept = keepsTexts && (texts?.config.length ?? 0) <= maxTextLength;
    await store(image, isKept ? texts : undefined);
  }
}

type ImageManifest = Extract<Manifest, { kind: 'image' }>;

interface Fetched<M extends Manifest> {
  readonly digest: string;
  readonly text?: string;
  readonly manifest: M;
}

function parsedValue<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new RegistryError(parsed.unsupported ? 'unsupported-manifest' : 'invalid-manifest', parsed.problem);
}

function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && (error.code === 'unauthorized' || error.code === 'denied');
}

function isCertificateFailure(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.code === 'certificate';
}

function noAccount(reference: ImageReference): readonly string[] {
  return [`no pull secret of the namespace is for ${registryHost(reference)}`];
}

function triedAccount({ secret, key }: PullCredential, error: RegistryError): string {
  return `tried secret ${JSON.stringify(secret)}, entry ${JSON.stringify(key)}: ${error.message}`;
}

function withNotes(error: RegistryError, notes: readonly string[]): RegistryError {
  const { code, message, retryAfterMs } = error;
  return new RegistryError(code, message, { retryAfterMs, cause: error, notes });
}

/** One failure as it is; of several all texts, and the kind of the last one, which is the origin's. */
function joined(failures: readonly RegistryError[]): RegistryError {
  const last = failures.at(-1);
  if (last === undefined)
    return new RegistryError('forbidden', 'the policy has no place to fetch this image from');
  if (failures.length === 1) return last;
  const message = `[${failures.map((failure) => failure.message).join(', ')}]`;
  return new RegistryError(last.code, message, { retryAfterMs: last.retryAfterMs, notes: last.notes });
}
