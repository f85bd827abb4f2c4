/**
 * Whether a namespace may use the images of a stream in another one: what its service accounts may, asked of the API server
 * with a SubjectAccessReview (the rights of OpenShift's role `system:image-puller`). Answers are held for a short time.
 */
import type { Logger } from 'pino';
import { imageGroup, subjectAccessReviews } from '../api/resources.ts';
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

/** How long answers hold. A refusal is asked again sooner: somebody is waiting for the grant. */
const keepAllowedMs = 30_000;
const keepDeniedMs = 10_000;
/** After this time a waiting tag or workload asks again; grants are not watched. */
export const recheckDeniedMs = 20_000;
const maxAnswers = 20_000;

/** Asks the API server about the rights of namespaces. */
export class Sharing {
  readonly #options: SharingOptions;
  readonly #answers = new Map<string, { readonly answer: Promise<boolean>; until: number }>();

  constructor(options: SharingOptions) {
    this.#options = options;
  }

  /** True when the service accounts of namespace `consumer` may get the images of the stream. Rejects when nobody answers. */
  async allows(consumer: string, source: StreamName, signal: AbortSignal): Promise<boolean> {
    if (consumer === source.namespace) return true;
    const key = `${consumer} ${source.namespace}/${source.stream}`;
    const now = this.#options.clock.now();
    const held = this.#answers.get(key);
    if (held !== undefined && held.until > now) return held.answer;
    const answer = this.#ask(consumer, source, signal);
    const entry = { answer, until: now + keepAllowedMs };
    this.#answers.delete(key);
    this.#answers.set(key, entry);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > maxAnswers && !oldest.done) this.#answers.delete(oldest.value);
    try {
      const allowed = await answer;
      if (!allowed) entry.until = now + keepDeniedMs;
      return allowed;
    } catch (error) {
      if (this.#answers.get(key) === entry) this.#answers.delete(key);
      throw error;
    }
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
