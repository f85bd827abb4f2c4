/** Carries out a plan against the registries. Every piece of work gets an outcome; nothing of a registry is thrown. */
import { parseImageReference, pinToDigest } from '../domain/image-reference.ts';
import type { ImportOutcomes, RepositoryOutcome, TagOutcome } from '../domain/import-outcome.ts';
import type { DeferredTag, ImportPlan, PlannedLookup, PlannedTag } from '../domain/import-plan.ts';
import { defaultPlatform } from '../domain/manifest.ts';
import type { PlannedRepository } from '../domain/repository-plan.ts';
import { byPriority } from '../domain/tag-priority.ts';
import { RegistryError, toImportFailure } from '../registry/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ImageKeeper } from './image-keeper.ts';
import type { FoundImage, ImageLookup, Reader } from './image-lookup.ts';
import type { RegistryAccesses } from './registry-access.ts';

/** What came out of a plan. */
export interface ImportResults {
  readonly outcomes: ImportOutcomes;
  /** Tags that were looked at and stand for what they stood for before. */
  readonly unchanged: readonly string[];
  /** Tags that keep what they have because their registry wants to be left alone, and for how many milliseconds. */
  readonly deferred: readonly DeferredTag[];
}

/** Options of {@link Importer}. */
export interface ImporterOptions {
  readonly lookup: ImageLookup;
  readonly accesses: RegistryAccesses;
  readonly keeper: ImageKeeper;
  /** Tags of a repository that are imported; the others are counted. */
  readonly repositoryTagLimit: number;
  readonly clock: Clock;
}

/** An image that a history of a namespace holds. */
export interface ImageToRestore {
  /** With its digest. */
  readonly pullSpec: string;
  readonly namespace: string;
  readonly insecure: boolean;
}

/** Imports of one stream that run at the same time. */
const parallelTags = 16;
/** What is there after this time is handed on without the rest. */
const firstResultsMs = 1_000;

type TagResult =
  | { readonly kind: 'outcome'; readonly outcome: TagOutcome }
  | { readonly kind: 'unchanged'; readonly tag: string }
  | { readonly kind: 'deferred'; readonly tag: string; readonly waitMs: number };

/** Runs the plans of streams. */
export class Importer {
  readonly #options: ImporterOptions;

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /**
   * Does all work of a plan, the tags a few at a time. What is there after a second is yielded then, the rest at the
   * end: a registry that is slow does not hold up the images of others. Throws when the signal is aborted, which says
   * nothing about images, or when the API server cannot be asked for secrets.
   */
  async *run(plan: ImportPlan, namespace: string, signal: AbortSignal): AsyncGenerator<ImportResults> {
    const results: TagResult[] = [];
    let repository: RepositoryOutcome | undefined;
    const waiting = plan.tags.values();
    const worker = async (): Promise<void> => {
      for (const planned of waiting) {
        signal.throwIfAborted();
        results.push(await this.#runTag(planned, namespace, signal));
      }
    };
    const list = async (): Promise<void> => {
      if (plan.repository !== undefined)
        repository = await this.#runRepository(plan.repository, namespace, signal);
    };
    const workers = Array.from({ length: Math.min(parallelTags, plan.tags.length) }, worker);
    const all = Promise.all([list(), ...workers]);
    // Whoever stops listening leaves the work running, and nobody to hear how it ends.
    all.catch(() => undefined);
    // A single piece of work has no rest to wait for.
    if (plan.tags.length > 1 || repositoryAndTags(plan)) {
      const { promise: first, resolve } = Promise.withResolvers<void>();
      const cancel = this.#options.clock.setTimer(firstResultsMs, resolve);
      await Promise.race([all, first]).finally(cancel);
      // Taken out as they are handed on, so that nothing is handed on twice.
      const listing = plan.repository !== undefined && repository === undefined;
      if (results.length > 0 && (listing || results.length < plan.tags.length)) {
        yield resultsOf(results.splice(0), undefined);
      }
    }
    await all;
    signal.throwIfAborted();
    yield resultsOf(results, repository);
  }

  async #runTag(planned: PlannedTag, namespace: string, signal: AbortSignal): Promise<TagResult> {
    const { tag, attempt, reason } = planned;
    const outcome = (rest: ResolvedOrFailed): TagResult => ({
      kind: 'outcome',
      outcome: { tag, attempt, reason, ...rest },
    });
    switch (planned.kind) {
      case 'record':
        return outcome({
          kind: 'resolved',
          dockerImageReference: planned.pullSpec,
          image: '',
          digest: undefined,
        });
      case 'copy': {
        const { dockerImageReference, image, created } = planned.item;
        return outcome({ kind: 'resolved', dockerImageReference, image, digest: undefined, created });
      }
      case 'refuse':
        return outcome({ kind: 'failed', failure: planned.failure });
      case 'check':
      case 'import':
        try {
          return await this.#withAccess(namespace, signal, (reader) => this.#lookUp(planned, reader));
        } catch (error) {
          // A registry that wants to be left alone says nothing new about a tag that has its image.
          if (
            planned.kind === 'check' &&
            error instanceof RegistryError &&
            error.code === 'too-many-requests'
          ) {
            return { kind: 'deferred', tag, waitMs: error.retryAfterMs ?? 60_000 };
          }
          // An API server that does not answer says nothing about the image: the whole stream is tried again.
          if (!(error instanceof RegistryError)) throw error;
          return outcome({ kind: 'failed', failure: toImportFailure(error) });
        }
    }
  }

  async #lookUp(
    planned: Extract<PlannedTag, { kind: 'check' | 'import' }>,
    reader: Reader,
  ): Promise<TagResult> {
    const { tag, attempt, reason, reference } = planned;
    const { lookup } = this.#options;
    if (planned.kind === 'check') {
      const digest = await lookup.probe(planned, reader, reason === 'push announced');
      if (digest === planned.known) return { kind: 'unchanged', tag };
    }
    const { image, digest } = await this.#find(planned, reader);
    const dockerImageReference = pinToDigest(reference, image);
    return {
      kind: 'outcome',
      outcome: { tag, attempt, reason, kind: 'resolved', dockerImageReference, image, digest },
    };
  }

  async #find(planned: PlannedLookup, reader: Reader): Promise<FoundImage> {
    const { lookup, keeper } = this.#options;
    const held = await this.#held(planned, reader.signal);
    return lookup.find({ ...planned, held }, reader, (image) => keeper.store(image, reader.signal));
  }

  /** The image that the tag has, unless somebody has deleted its Image: then it is read as a whole once more. */
  async #held({ held }: PlannedLookup, signal: AbortSignal): Promise<string | undefined> {
    if (held === undefined) return undefined;
    return (await this.#options.keeper.exists(held, signal)) ? held : undefined;
  }

  /** Reads an image that a history holds once more, and stores its Image. False when no registry has it. */
  async restore({ pullSpec, namespace, insecure }: ImageToRestore, signal: AbortSignal): Promise<boolean> {
    const parsed = parseImageReference(pullSpec);
    if (!parsed.ok) return false;
    // An index that was kept is kept again; an image has one platform anyway.
    const lookup = {
      reference: parsed.reference,
      insecure,
      importMode: 'PreserveOriginal',
      platform: defaultPlatform,
    } as const;
    try {
      await this.#withAccess(namespace, signal, (reader) => this.#find(lookup, reader));
      return true;
    } catch (error) {
      if (error instanceof RegistryError) return false;
      throw error;
    }
  }

  async #runRepository(
    planned: PlannedRepository,
    namespace: string,
    signal: AbortSignal,
  ): Promise<RepositoryOutcome> {
    const { target, insecure } = planned;
    if ('code' in target) return { planned, kind: 'failed', failure: target };
    try {
      const all = await this.#withAccess(namespace, signal, (reader) =>
        this.#options.lookup.list(target, insecure, reader),
      );
      const tags = byPriority(all).slice(0, this.#options.repositoryTagLimit);
      return { planned, kind: 'listed', tags, additionalTags: all.length - tags.length };
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return { planned, kind: 'failed', failure: toImportFailure(error) };
    }
  }

  #withAccess<T>(namespace: string, signal: AbortSignal, work: (reader: Reader) => Promise<T>): Promise<T> {
    return this.#options.accesses.with(namespace, signal, (access) => work({ access, signal }));
  }
}

type ResolvedOrFailed =
  | Omit<Extract<TagOutcome, { kind: 'resolved' }>, 'tag' | 'attempt' | 'reason'>
  | Omit<Extract<TagOutcome, { kind: 'failed' }>, 'tag' | 'attempt' | 'reason'>;

function repositoryAndTags({ tags, repository }: ImportPlan): boolean {
  return repository !== undefined && tags.length > 0;
}

function resultsOf(results: readonly TagResult[], repository: RepositoryOutcome | undefined): ImportResults {
  return {
    outcomes: {
      tags: results.flatMap((result) => (result.kind === 'outcome' ? [result.outcome] : [])),
      repository,
    },
    unchanged: results.flatMap((result) => (result.kind === 'unchanged' ? [result.tag] : [])),
    deferred: results.flatMap((result) => (result.kind === 'deferred' ? [result] : [])),
  };
}
