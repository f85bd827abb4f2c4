/** Why something is looked at: what people read in the log and in the metrics. */

/** All reasons to look at a tag, or at the repository behind a stream. */
export const importReasons = [
  'new tag',
  'source changed',
  'import requested',
  'generation set',
  'push announced',
  'retry after failure',
  'source available',
  'scheduled check',
] as const;

/** One of {@link importReasons}. */
export type ImportReason = (typeof importReasons)[number];
