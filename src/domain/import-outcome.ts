/** What comes out of the work for a stream, before it is folded into the status. */
import type { ImportAttempt } from './import-attempt.ts';
import type { ImportFailure } from './import-failure.ts';
import type { ImportReason } from './import-reason.ts';
import type { PlannedRepository } from './repository-plan.ts';

/** What came out of the work for one tag. */
export type TagOutcome = {
  readonly tag: string;
  readonly attempt: ImportAttempt;
  /** Why it was looked at: for people. */
  readonly reason?: ImportReason;
} & (
  | {
      readonly kind: 'resolved';
      readonly dockerImageReference: string;
      readonly image: string;
      /** What the tag's name stood for in the registry: the image, or the index that it was taken from. */
      readonly digest: string | undefined;
      /** When the source of a copy got the image; now when absent. */
      readonly created?: string | undefined;
    }
  | { readonly kind: 'failed'; readonly failure: ImportFailure }
);

/** What came out of listing the repository behind a stream. */
export type RepositoryOutcome = { readonly planned: PlannedRepository } & (
  | { readonly kind: 'listed'; readonly tags: readonly string[]; readonly additionalTags: number }
  | { readonly kind: 'failed'; readonly failure: ImportFailure }
);

/** Everything that was done for a stream at once. */
export interface ImportOutcomes {
  readonly tags: readonly TagOutcome[];
  readonly repository?: RepositoryOutcome | undefined;
}
