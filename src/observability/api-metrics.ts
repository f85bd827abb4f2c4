/** Requests to the API server, of the operator and of the API face alike. */
import { Counter, type Registry } from 'prom-client';

/** A request that was answered. */
export interface AnsweredApiRequest {
  readonly method: string;
  /** HTTP status. */
  readonly status: number;
  /** What was written; undefined for reads, and for what only asks whether something would be done. */
  readonly write: { readonly resource: string; readonly verb: string } | undefined;
}

/** Metrics of the API server, on somebody's registry of metrics. */
export class ApiMetrics {
  readonly #requests: Counter<'method' | 'status'>;
  readonly #writes: Counter<'resource' | 'verb' | 'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'imagestream_api_request_total',
      help: 'Requests to the API server by method and status; watches are not counted.',
      labelNames: ['method', 'status'] as const,
      registers,
    });
    this.#writes = new Counter({
      name: 'imagestream_api_write_total',
      help: 'Writes to the API server by resource, verb and result.',
      labelNames: ['resource', 'verb', 'result'] as const,
      registers,
    });
  }

  /** Counts a request. */
  readonly answered = ({ method, status, write }: AnsweredApiRequest): void => {
    this.#requests.inc({ method, status: String(status) });
    if (write === undefined) return;
    const { resource, verb } = write;
    this.#writes.inc({ resource, verb, result: resultOf(status) });
  };
}

function resultOf(status: number): string {
  if (status < 400) return 'done';
  if (status === 409) return 'conflict';
  if (status === 429) return 'busy';
  return status < 500 ? 'refused' : 'failed';
}
