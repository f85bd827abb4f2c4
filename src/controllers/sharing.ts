/**
 * Whether a namespace may use the images of a stream in another one: what its service accounts may, asked of the API server
 * with a SubjectAccessReview (the rights of OpenShift's role `system:image-puller`). Whoever may write a stream can name as
 * many others as they like: answers are held, and each namespace has a budget of reviews of its own.
 */
import type { Logger } from 'pino';
import { imageGroup, subjectAccessReviews } from '../api/resources.ts';
import { type BackoffPolicy, backoffMs, spread } from '../domain/backoff.ts';
import { earliest } from '../domain/import-plan.ts';
import { nextSlot } from '../domain/schedule.ts';
import type { StreamName } from '../domain/tag-source.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden, isRefused } from '../kube/errors.ts';
import { type ObjectKey, objectKey } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';

/** Options of {@link Sharing}. */
export interface SharingOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is held; for tests. */
  readonly bounds?: { readonly answers: number; readonly answersOfOne: number; readonly namespaces: number };
}

/** The object that refers to streams. */
export interface Consumer {
  readonly namespace: string;
  /** What tells it from the others of its namespace. */
  readonly name: string;
}

/** A stream whose images are wanted. */
export interface Wish {
  readonly source: StreamName;
  /** True when it was not looked at since somebody wished for it: a refusal from before is no answer then. */
  readonly fresh: boolean;
}

/** What may be used of what was wished for. */
export interface Leave {
  /** The keys of the streams whose images may be used. */
  readonly shared: ReadonlySet<ObjectKey>;
  /** In how many milliseconds to ask for the others again; undefined when there are none. */
  readonly recheckAfterMs: number | undefined;
}

/** How long a right holds that was granted. */
const keepAllowedMs = 30_000;
/** When who was refused asks again: grants are not watched. */
const recheck: BackoffPolicy = { baseMs: 1_500, maxMs: 40_000 };
/** A refusal that is older does not answer a fresh wish. */
const wishMs = 1_000;

/** Reviews for a namespace at a time, after a pause. */
const burst = 300;
/** Reviews for a namespace in the long run: two hundred shared streams in steady use need seven. */
const reviewsPerSecond = 10;
/** What rechecks leave of {@link burst} to fresh wishes, and to rights that have to be asked for anew. */
const reserve = 200;
/** When a source is asked for again that was beyond the budget. */
const overBudgetMs = 60_000;

/** Reviews for one object that run at the same time. */
const parallelReviews = 4;
const reviewMs = 10_000;
/** For how long nothing is asked for a namespace after a review that nobody answered. */
const unansweredMs = 5_000;
/** Between two lines in the log about reviews that failed. */
const tellMs = 60_000;

/** Answers that are held; of the namespace that has most, the one that was asked for longest ago goes first. */
const maxAnswers = 20_000;
const maxAnswersOfOne = 2_000;
/** Namespaces whose budget is remembered; the one that asked longest ago goes first. */
const maxNamespaces = 10_000;
const defaultBounds = { answers: maxAnswers, answersOfOne: maxAnswersOfOne, namespaces: maxNamespaces };

/** What is known of a source. */
interface Answer {
  allowed: boolean;
  /** In a row. */
  refusals: number;
  /** Epoch milliseconds. */
  askedAt: number;
  /** Until when it holds (epoch milliseconds). */
  until: number;
  /** The review under way; never rejects. */
  pending: Promise<void> | undefined;
}

/** What is known of a namespace. */
interface Account {
  readonly namespace: string;
  /** By the source; the one that was asked for longest ago is the first. */
  readonly answers: Map<ObjectKey, Answer>;
  /** Reviews that the budget allows now, as of `countedAt`. */
  tokens: number;
  countedAt: number;
  /** Until when nothing is asked because nobody answers (epoch milliseconds). */
  silentUntil: number;
}

/** For an operator that may not ask: nothing of another namespace may be used, now or later. */
export const ownStreamsOnly: Pick<Sharing, 'ask'> = {
  ask: async ({ namespace }, wishes) => {
    const own = [...wishes].filter(({ source }) => source.namespace === namespace);
    return { shared: new Set(own.map(({ source }) => keyOf(source))), recheckAfterMs: undefined };
  },
};

/** Asks the API server about the rights of namespaces. */
export class Sharing {
  readonly #options: SharingOptions;
  readonly #bounds: NonNullable<SharingOptions['bounds']>;
  /** By namespace; the one that asked longest ago is the first. */
  readonly #accounts = new Map<string, Account>();
  /** Answers of all namespaces. */
  #size = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: SharingOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? defaultBounds;
  }

  /**
   * Which of the streams the service accounts of the consumer's namespace may get images of; those of the namespace itself are
   * among them. Where the API server gives no answer, or the budget of the namespace is used up, a stream counts as not shared
   * for now. Rejects only when the signal is aborted.
   */
  async ask({ namespace, name }: Consumer, wishes: Iterable<Wish>, signal: AbortSignal): Promise<Leave> {
    const shared = new Set<ObjectKey>();
    let waitMs: number | undefined;
    const waiting = this.#inTurn(namespace, wishes).values();
    const worker = async (): Promise<void> => {
      for (const wish of waiting) {
        const refusedForMs =
          wish.source.namespace === namespace ? undefined : await this.#refusedFor(namespace, wish, signal);
        if (refusedForMs === undefined) shared.add(keyOf(wish.source));
        else waitMs = earliest(waitMs, refusedForMs);
      }
    };
    await Promise.all(Array.from({ length: parallelReviews }, worker));
    if (waitMs === undefined) return { shared, recheckAfterMs: undefined };
    // All of a namespace are due at the same times: who comes first, and finds a budget, is another one each time.
    const lot = spread(`${namespace}/${name} ${this.#options.clock.now()}`);
    return { shared, recheckAfterMs: Math.ceil(waitMs * (1 + lot / 8)) };
  }

  /** Each source once, the one that was asked for longest ago first: a budget that is too small serves all by turns. */
  #inTurn(namespace: string, wishes: Iterable<Wish>): readonly Wish[] {
    const answers = this.#accounts.get(namespace)?.answers;
    const merged = new Map<ObjectKey, Wish & { readonly askedAt: number }>();
    for (const { source, fresh } of wishes) {
      const key = keyOf(source);
      const askedAt = answers?.get(key)?.askedAt ?? 0;
      merged.set(key, { source, fresh: fresh || merged.get(key)?.fresh === true, askedAt });
    }
    return [...merged.values()].sort((a, b) => a.askedAt - b.askedAt);
  }

  /** In how many milliseconds to ask again for a source that is not shared; undefined when it is. */
  async #refusedFor(
    namespace: string,
    { source, fresh }: Wish,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const account = this.#accountOf(namespace);
    const known = account.answers.get(keyOf(source));
    if (known?.pending !== undefined) {
      await known.pending;
      return this.#refusedFor(namespace, { source, fresh: false }, signal);
    }
    if (known?.allowed === false && fresh) {
      known.refusals = 0;
      known.until = Math.min(known.until, known.askedAt + wishMs);
    }
    const held = this.#held(account, known);
    if (held !== undefined) return held.refusedForMs;
    if (!this.#spend(account, known?.allowed === false && !fresh ? reserve : 0)) return overBudgetMs;
    const answer = this.#enter(account, keyOf(source));
    answer.pending = this.#review(account, source, answer, signal);
    await answer.pending;
    signal.throwIfAborted();
    return (this.#held(account, answer) ?? { refusedForMs: unansweredMs }).refusedForMs;
  }

  /** What needs no review; undefined when one is due. */
  #held(
    { silentUntil }: Account,
    answer: Answer | undefined,
  ): { readonly refusedForMs: number | undefined } | undefined {
    const now = this.#options.clock.now();
    if (answer !== undefined && answer.until > now)
      return { refusedForMs: answer.allowed ? undefined : answer.until - now };
    return silentUntil > now ? { refusedForMs: silentUntil - now } : undefined;
  }

  /** Takes a review out of the budget unless no more than `rest` of them would be left. */
  #spend(account: Account, rest: number): boolean {
    const now = this.#options.clock.now();
    const earned = (Math.max(now - account.countedAt, 0) / 1_000) * reviewsPerSecond;
    account.tokens = Math.min(account.tokens + earned, burst);
    account.countedAt = now;
    if (account.tokens < rest + 1) return false;
    account.tokens--;
    return true;
  }

  /** Asks, and notes what comes. */
  async #review(account: Account, source: StreamName, answer: Answer, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { namespace } = account;
    try {
      const allowed = await this.#isAllowed(namespace, source, signal);
      const now = clock.now();
      answer.allowed = allowed;
      answer.refusals = allowed ? 0 : answer.refusals + 1;
      answer.until = now + keepAllowedMs;
      if (allowed) return;
      const waitMs = backoffMs(recheck, answer.refusals, namespace);
      // On times of the namespace, so that one look at a stream serves many of its tags.
      answer.until = Math.ceil(nextSlot(now + waitMs, waitMs / 4, spread(namespace)));
    } catch (error) {
      account.silentUntil = clock.now() + unansweredMs;
      if (!signal.aborted) this.#tell(namespace, error);
    } finally {
      answer.pending = undefined;
    }
  }

  async #isAllowed(
    consumer: string,
    { namespace, stream }: StreamName,
    signal: AbortSignal,
  ): Promise<boolean> {
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: subjectAccessReviews.kind,
      metadata: { name: '' },
      spec: {
        // What every service account of the namespace is in.
        groups: [`system:serviceaccounts:${consumer}`, 'system:serviceaccounts', 'system:authenticated'],
        resourceAttributes: {
          verb: 'get',
          group: imageGroup,
          resource: 'imagestreams',
          subresource: 'layers',
          namespace,
          name: stream,
        },
      },
    };
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(reviewMs)]);
    try {
      const { status } = await this.#options.client.create(subjectAccessReviews, review, inTime);
      return status?.allowed === true;
    } catch (error) {
      if (!isRefused(error)) throw error;
      this.#tell(consumer, error);
      return false;
    }
  }

  #tell(namespace: string, error: unknown): void {
    const now = this.#options.clock.now();
    if (now - this.#toldAt < tellMs) return;
    this.#toldAt = now;
    const { log } = this.#options;
    const facts = { namespace, err: error };
    if (!isRefused(error)) log.warn(facts, 'no answer about rights: not shared for now');
    else if (isForbidden(error))
      log.warn(facts, 'the operator may not ask for the rights of others: nothing is shared');
    else log.warn(facts, 'the question about rights was not accepted: not shared');
  }

  #accountOf(namespace: string): Account {
    const now = this.#options.clock.now();
    const account = this.#accounts.get(namespace) ?? {
      namespace,
      answers: new Map<ObjectKey, Answer>(),
      tokens: burst,
      countedAt: now,
      silentUntil: 0,
    };
    this.#accounts.delete(namespace);
    this.#accounts.set(namespace, account);
    const [oldest] = this.#accounts.values();
    if (this.#accounts.size > this.#bounds.namespaces && oldest !== undefined) {
      this.#accounts.delete(oldest.namespace);
      this.#size -= oldest.answers.size;
      oldest.answers.clear();
    }
    return account;
  }

  /** The entry of a source that is asked for now. */
  #enter({ namespace }: Account, key: ObjectKey): Answer {
    // Another one when it was forgotten meanwhile.
    const account = this.#accountOf(namespace);
    const known = account.answers.get(key);
    const answer = known ?? { allowed: false, refusals: 0, askedAt: 0, until: 0, pending: undefined };
    answer.askedAt = this.#options.clock.now();
    account.answers.delete(key);
    account.answers.set(key, answer);
    if (known === undefined) this.#size++;
    if (account.answers.size > this.#bounds.answersOfOne) this.#dropOldest(account);
    else if (this.#size > this.#bounds.answers) this.#dropOldest(this.#largest(account));
    return answer;
  }

  #dropOldest({ answers }: Account): void {
    const oldest = answers.keys().next();
    if (!oldest.done && answers.delete(oldest.value)) this.#size--;
  }

  #largest(account: Account): Account {
    let largest = account;
    for (const other of this.#accounts.values())
      if (other.answers.size > largest.answers.size) largest = other;
    return largest;
  }
}

function keyOf({ namespace, stream }: StreamName): ObjectKey {
  return objectKey(namespace, stream);
}
