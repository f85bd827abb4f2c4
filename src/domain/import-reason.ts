/** Why something is looked at: what people read in the log. */

/** Why a tag, or the repository behind a stream, is looked at. */
export type ImportReason =
  | 'new tag'
  | 'source changed'
  | 'import requested'
  | 'generation set'
  | 'push announced'
  | 'retry after failure'
  | 'source available'
  | 'scheduled check';
