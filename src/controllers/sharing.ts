/**
 * Whether a namespace may use the images of a stream in another one: what its service accounts may, asked of the API server
 * with a SubjectAccessReview (the rights of OpenShift's role `system:image-puller`). Answers are held for a short time.
 */
import type { Logger } from 'pino';
import { imageGroup, subjectAccessReviews } from '../api/resources.ts';
import { type BackoffPolicy, backoffMs } from '../domain/backoff.ts';
import type { StreamName } from '../domain/tag-source.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';

/** Options of {@link Sharing}. */
export interface SharingOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long answers hold. A refusal is asked again sooner: somebody may be waiting for the grant. */
const keepAllowedMs = 30_000;
const keepDeniedMs = 1_000;
/** When who was refused asks again: grants are not watched. */
const recheck: BackoffPolicy = { baseMs: 1_500, maxMs: 60_000 };
const maxAnswers = 20_000;

interface Answer {
  readonly answer: Promise<boolean>;
  until: number;
  /** In a row. */
  refusals: number;
}

/** Asks the API server about the rights of namespaces. */
export class Sharing {
  readonly #options: SharingOptions;
  readonly #answers = new Map<string, Answer>();

  constructor(options: SharingOptions) {
    this.#options = options;
  }

  /** True when the service accounts of namespace `consumer` may get the images of the stream. Rejects when nobody answers. */
  async allows(consumer: string, source: StreamName, signal: AbortSignal): Promise<boolean> {
    if (consumer === source.namespace) return true;
    const key = keyOf(consumer, source);
    const now = this.#options.clock.now();
    const held = this.#answers.get(key);
    if (held !== undefined && held.until > now) return held.answer;
    const answer = this.#ask(consumer, source, signal);
    const entry: Answer = { answer, until: now + keepAllowedMs, refusals: held?.refusals ?? 0 };
    this.#hold(key, entry);
    try {
      const allowed = await answer;
      if (!allowed) entry.until = now + keepDeniedMs;
      entry.refusals = allowed ? 0 : entry.refusals + 1;
      return allowed;
    } catch (error) {
      if (this.#answers.get(key) === entry) this.#answers.delete(key);
      throw error;
    }
  }

  /** In how many milliseconds to ask again after a refusal: soon at first, once a minute at last. */
  recheckAfterMs(consumer: string, source: StreamName): number {
    const key = keyOf(consumer, source);
    return backoffMs(recheck, this.#answers.get(key)?.refusals ?? 1, key);
  }

  #hold(key: string, entry: Answer): void {
    this.#answers.delete(key);
    this.#answers.set(key, entry);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > maxAnswers && !oldest.done) this.#answers.delete(oldest.value);
  }

  async #ask(consumer: string, { namespace, stream }: StreamName, signal: AbortSignal): Promise<boolean> {
    const { client, log } = this.#options;
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
    try {
      const { status } = await client.create(subjectAccessReviews, review, signal);
      return status?.allowed === true;
    } catch (error) {
      if (!isForbidden(error)) throw error;
      log.warn({ err: error }, 'the operator may not ask for the rights of others: nothing is shared');
      return false;
    }
  }
}

function keyOf(consumer: string, { namespace, stream }: StreamName): string {
  return `${consumer} ${namespace}/${stream}`;
}
