/** What the operator keeps of an ImageStreamTag: little, so that a hundred thousand of them fit into memory. */
import type { TagReference } from './generated/image-stream.ts';

/** An ImageStreamTag as the controllers know it. */
export interface KnownTagObject {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly uid: string;
  /** The stream and the tag that its name stands for; undefined for a name that stands for none. */
  readonly of: { readonly stream: string; readonly tag: string } | undefined;
  /** The tag as somebody else than the operator wrote it; undefined for one that the operator keeps. */
  readonly declared: TagReference | undefined;
  /** The uid of the ImageStream that owns it. */
  readonly owner: string | undefined;
  /** A hash of what the operator wrote, but for the metadata of the image. */
  readonly content: string;
  /** True when it holds the metadata of its image. */
  readonly hasMetadata: boolean;
  /** The fields of the operator's that others have written as well; undefined when there are none. */
  readonly foreign: readonly string[] | undefined;
  /** A hash of its image with all metadata, where others have written something. */
  readonly image: string | undefined;
  /** True when the operator has written it before. */
  readonly isKept: boolean;
  /** Since when it says that it does not count. */
  readonly ineffectiveSince: string | undefined;
  readonly deleting: boolean;
}
