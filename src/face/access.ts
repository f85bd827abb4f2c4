/** Who may do what: asked of the API server by SubjectAccessReview, and remembered for a few seconds. */
import { createHash } from 'node:crypto';
import { imageGroup, type KubeObject, subjectAccessReviews } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import { CallLimit } from '../runtime/call-limit.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Caller } from './identity.ts';
import type { RequestInfo } from './request-info.ts';
import { StatusError } from './status.ts';

/** A right that was given or taken is seen after this time at the latest. */
const rememberMs = 5_000;
const maxRemembered = 10_000;
const reviewMs = 10_000;

/** The answer to whether somebody may do something. */
export interface Answer {
  readonly allowed: boolean;
  readonly reason: string;
  /** What went wrong when it was looked for. */
  readonly evaluationError: string;
}

/** Options of {@link Access}. */
export interface AccessOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Hears of each question whether its answer was remembered, for the metrics. */
  readonly onAsk?: ((answer: 'asked' | 'remembered') => void) | undefined;
}

/** Asks for each caller and request. */
export class Access {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #onAsk: AccessOptions['onAsk'];
  readonly #answers = new BoundedMap<string, { readonly at: number; readonly answer: Promise<Answer> }>(
    maxRemembered,
  );

  constructor({ client, clock, onAsk }: AccessOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#onAsk = onAsk;
  }

  /**
   * Resolves when the caller may; throws a 403 in the words of the API server when not. Who may get all of a namespace is not asked about
   * each name: the API server that sends the request has asked that itself, before it sent it.
   */
  async check(caller: Caller, info: RequestInfo): Promise<void> {
    const getsOne = info.verb === 'get' && info.name !== undefined;
    if (getsOne && (await this.ask(caller, { ...info, name: undefined })).allowed) return;
    const { allowed, reason } = await this.ask(caller, info);
    if (allowed) return;
    const { verb, namespace, resource, name, subresource } = info;
    const full = subresource === undefined ? resource : `${resource}/${subresource}`;
    const quoted = name === undefined ? '' : ` ${JSON.stringify(name)}`;
    const place =
      namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
    const what = `User ${JSON.stringify(caller.user)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(imageGroup)} ${place}`;
    const why = reason === '' ? '' : `: ${reason}`;
    throw new StatusError(
      403,
      'Forbidden',
      `${resource}.${imageGroup}${quoted} is forbidden: ${what}${why}`,
      {
        group: imageGroup,
        kind: resource,
        ...(name === undefined ? {} : { name }),
      },
    );
  }

  /** Whether the caller may. */
  ask(caller: Caller, info: RequestInfo): Promise<Answer> {
    // Of any length, and made by strangers.
    const key = createHash('sha256')
      .update(JSON.stringify([caller, info]))
      .digest('base64');
    const known = this.#answers.get(key);
    const isRemembered = known !== undefined && this.#clock.now() - known.at < rememberMs;
    this.#onAsk?.(isRemembered ? 'remembered' : 'asked');
    if (isRemembered) return known.answer;
    // Others may wait for it too, when this client is gone.
    const answer = this.#review(caller, info);
    // A question that could not be asked says nothing; the next one asks again.
    answer.catch(() => this.#answers.delete(key));
    this.#answers.set(key, { at: this.#clock.now(), answer });
    return answer;
  }

  async #review(caller: Caller, info: RequestInfo): Promise<Answer> {
    using limit = new CallLimit({ timeMs: reviewMs });
    const { user, uid, groups, extra } = caller;
    const { verb, namespace, resource, name, subresource } = info;
    const attributes = { group: imageGroup, version: 'v1', verb, resource, namespace, name, subresource };
    const resourceAttributes = Object.fromEntries(
      Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: { user, ...(uid === undefined ? {} : { uid }), groups, extra, resourceAttributes },
    };
    const { status } = (await this.#client.create(
      subjectAccessReviews,
      review as unknown as KubeObject & typeof review,
      limit.signal,
    )) as { status?: { allowed?: boolean; reason?: string; evaluationError?: string } };
    const { allowed, reason = '', evaluationError = '' } = status ?? {};
    return { allowed: allowed === true, reason, evaluationError };
  }
}
