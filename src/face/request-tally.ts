/** What becomes of requests: counted and timed, with a line in the log for each. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { FaceMetrics } from '../observability/face-metrics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RequestInfo } from './request-info.ts';

/** Options of {@link RequestTally}. */
export interface RequestTallyOptions {
  readonly metrics: Pick<FaceMetrics, 'answered'>;
  readonly log: Logger;
  readonly clock: Clock;
}

/** A request until its answer is out. */
export interface OpenRequest {
  /** It is for a resource and a verb that there are; what is not known counts as `other`. */
  isFor(info: RequestInfo, user: string): void;
  /** Its work ended with an error. */
  failedWith(error: unknown): void;
}

/** Callers choose them. */
const maxShown = 512;

/** Keeps count. */
export class RequestTally {
  readonly #options: RequestTallyOptions;
  #running = 0;
  #watches = 0;

  constructor(options: RequestTallyOptions) {
    this.#options = options;
  }

  /** Requests that have no answer yet; watches not. */
  get running(): number {
    return this.#running;
  }

  /** Watches that are open. */
  get watches(): number {
    return this.#watches;
  }

  /** A request has come. It is over when its answer is out, or its client gone. */
  begin(request: IncomingMessage, response: ServerResponse): OpenRequest {
    const begun = this.#options.clock.now();
    let info: RequestInfo | undefined;
    let user: string | undefined;
    let error: unknown;
    this.#running++;
    response.once('close', () => {
      const isWatch = info?.verb === 'watch';
      if (isWatch) this.#watches--;
      else this.#running--;
      const ms = this.#options.clock.now() - begun;
      // Of a watch, the time says something about its client only.
      this.#count(info, response, isWatch ? undefined : ms);
      this.#tell(request, response, { user, ms, error });
    });
    return {
      isFor: (known, caller) => {
        info = known;
        user = caller.slice(0, maxShown);
        if (known.verb !== 'watch') return;
        this.#running--;
        this.#watches++;
      },
      failedWith: (reason) => {
        error = reason;
      },
    };
  }

  #count(info: RequestInfo | undefined, response: ServerResponse, ms: number | undefined): void {
    const labels = info === undefined ? others : { verb: info.verb, resource: resourceOf(info) };
    this.#options.metrics.answered(labels, statusOf(response), ms === undefined ? undefined : ms / 1_000);
  }

  /** One line: of what failed an error, of all else one for who looks closely. */
  #tell(
    { method, url }: IncomingMessage,
    response: ServerResponse,
    { error, ...facts }: { user: string | undefined; ms: number; error: unknown },
  ): void {
    const status = statusOf(response);
    const fields = { method, path: url?.slice(0, maxShown), status, ...facts };
    const { log } = this.#options;
    if (error !== undefined && status !== undefined && status < 400)
      log.error({ ...fields, err: error }, 'answer broken off');
    else if (status !== undefined && status >= 500) log.error({ ...fields, err: error }, 'request failed');
    else if (status === undefined) log.debug(fields, 'client has gone');
    else log.debug(fields, 'request answered');
  }
}

const others = { verb: 'other', resource: 'other' };

function resourceOf({ resource, subresource }: RequestInfo): string {
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}

/** Undefined when the client went without an answer. */
function statusOf(response: ServerResponse): number | undefined {
  return response.headersSent ? response.statusCode : undefined;
}
