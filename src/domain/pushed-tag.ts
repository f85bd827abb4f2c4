/** What a push makes of the history of a tag (semantics 1.8 and 4.4). */
import type {
  ImageStream,
  ImageStreamStatus,
  NamedTagEventList,
  TagEvent,
} from '../api/generated/image-stream.ts';
import { formatTime } from '../api/time.ts';
import { type FieldFault, forbiddenFault, invalidFault } from './field-fault.ts';
import { sourcedTags } from './import-attempt.ts';
import type { PushedImage } from './pushed-image.ts';
import { fitStatus } from './status-size.ts';
import { addTagEvent } from './tag-history.ts';
import { followedTag } from './tag-source.ts';

/** The status to write, nothing where the tag has the image already, or why the tag takes none. */
export type PushedTag =
  | { readonly kind: 'status'; readonly status: ImageStreamStatus }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly fault: FieldFault };

/** As many as a spec may have. */
const maxTags = 1_000;

/** The status of a stream with a pushed image in it. `now` in epoch milliseconds; `historyLimit` items stay of a tag. */
export function pushedTag(
  stream: ImageStream,
  { tag, digest, dockerImageReference }: Pick<PushedImage, 'tag' | 'digest' | 'dockerImageReference'>,
  { now, historyLimit }: { readonly now: number; readonly historyLimit: number },
): PushedTag {
  const sourced = sourcedTags(stream).find(({ name }) => name === tag);
  const followed = sourced === undefined ? undefined : followedTag(stream, sourced);
  if (followed !== undefined) {
    const detail = `follows the tag ${followed} of its stream: push to that one`;
    return { kind: 'refused', fault: invalidFault('tag', tag, detail) };
  }
  const { tags = [] } = stream.status ?? {};
  const before = tags.find((entry) => entry.tag === tag);
  if (before === undefined && tags.length >= maxTags)
    return {
      kind: 'refused',
      fault: forbiddenFault('tag', `the stream has ${maxTags} tags already`),
    };
  const event = {
    created: formatTime(now),
    dockerImageReference,
    image: digest,
    generation: stream.metadata.generation ?? 0,
  };
  const items = before?.items ?? [];
  const after = addTagEvent(items, event, historyLimit);
  if (after === items) return { kind: 'nothing' };
  const entry = { ...withoutOldConditions(before ?? { tag }, after[0]), items: [...after] };
  const others = tags.filter((other) => other !== before);
  const sorted = [...others, entry].sort((a, b) => (a.tag < b.tag ? -1 : 1));
  return { kind: 'status', status: fitStatus(stream, { ...stream.status, tags: sorted }).status };
}

/** An image or pull spec that is corrected in place says nothing about an import that failed. */
function withoutOldConditions(before: NamedTagEventList, is: TagEvent | undefined): NamedTagEventList {
  const [was] = before.items ?? [];
  const sameImage = was?.image === is?.image;
  const sameReference = was?.dockerImageReference === is?.dockerImageReference;
  if (sameImage !== sameReference) return before;
  const { conditions: _, ...rest } = before;
  return rest;
}
