/** The history of one tag: newest first, collapsed by the reference's rules, bounded from the old end. */
import type { TagEvent } from '../api/generated/image-stream.ts';

/**
 * Adds an event by the reference's collapse rules (AddTagEventToImageStream, semantics 1.8):
 * only the newest item is compared. Same pull spec and image: at most its generation moves. One of
 * the two the same: that item is corrected in place. Both differ: a new item in front, so that going
 * back to an older image is an entry of its own. At most `limit` items stay, the newest. The same array comes back when the
 * event says nothing new.
 */
export function addTagEvent(items: readonly TagEvent[], event: TagEvent, limit: number): readonly TagEvent[] {
  const [newest, ...older] = items;
  if (newest === undefined) return [event];
  const sameReference = newest.dockerImageReference === event.dockerImageReference;
  const sameImage = newest.image === event.image;
  if (sameReference && sameImage) {
    if (newest.generation === event.generation) return items;
    return [{ ...newest, generation: event.generation }, ...older];
  }
  if (sameReference) return [{ ...newest, image: event.image }, ...older];
  if (sameImage) return [{ ...newest, dockerImageReference: event.dockerImageReference }, ...older];
  return [event, ...items].slice(0, limit);
}
