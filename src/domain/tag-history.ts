/** The history of one tag: newest first, collapsed by the reference's rules, bounded from the old end. */
import type { TagEvent } from '../api/generated/image-stream.ts';

/** A tag's history after an event; the same array when the event says nothing new. */
export interface HistoryChange {
  readonly items: readonly TagEvent[];
  /** True when the newest item's image or pull spec is another one than before. */
  readonly moved: boolean;
}

/**
 * Adds an event by the reference's collapse rules (AddTagEventToImageStream, semantics 1.8):
 * only the newest item is compared. Same pull spec and image: at most its generation moves. One of
 * the two the same: that item is corrected in place. Both differ: a new item in front, so that going
 * back to an older image is an entry of its own. At most `limit` items stay, the newest.
 */
export function addTagEvent(items: readonly TagEvent[], event: TagEvent, limit: number): HistoryChange {
  const [newest, ...older] = items;
  if (newest === undefined) return { items: [event], moved: true };
  const sameReference = newest.dockerImageReference === event.dockerImageReference;
  const sameImage = newest.image === event.image;
  if (sameReference && sameImage) {
    if (newest.generation === event.generation) return { items, moved: false };
    return { items: [{ ...newest, generation: event.generation }, ...older], moved: false };
  }
  if (sameReference) return { items: [{ ...newest, image: event.image }, ...older], moved: true };
  if (sameImage) {
    return {
      items: [{ ...newest, dockerImageReference: event.dockerImageReference }, ...older],
      moved: true,
    };
  }
  return { items: [event, ...items].slice(0, limit), moved: true };
}
