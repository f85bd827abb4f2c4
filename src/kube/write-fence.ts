/** What keeps a process from writing that does not lead, or does not lead any more. */

/** A write was not sent, or was cut off, because this process does not lead. */
export class NotLeadingError extends Error {
  constructor() {
    super('nothing is written: this process does not lead');
    this.name = 'NotLeadingError';
  }
}

/** Stands between a client and the API server. */
export interface WriteFence {
  /** Throws {@link NotLeadingError} when nothing may be written at this moment. */
  check(): void;
  /** Aborted with a {@link NotLeadingError} when the right to write is lost, which is for good. */
  readonly signal: AbortSignal;
}
