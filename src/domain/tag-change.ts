/** Which tags of a spec ask for something new, as the reference tells them (semantics 1.6). Pure. */
import type { TagReference } from '../api/generated/image-stream.ts';
import { canonicalJson } from '../api/json.ts';

/**
 * The tags of the new spec that are new or changed: where they come from is looked at, and a generation of 0 asks for an import of what
 * is there. A change of schedule, policy or annotations is none, and a tag without a source never is one.
 */
export function changedTags(
  before: readonly TagReference[],
  after: readonly TagReference[],
  namespace: string,
): readonly TagReference[] {
  const known = new Map(before.map((tag) => [tag.name, tag]));
  return after.filter((tag) => isChanged(known.get(tag.name), tag, namespace));
}

function isChanged(before: TagReference | undefined, after: TagReference, namespace: string): boolean {
  if (!after.from || (!after.from.kind && !after.from.name)) return false;
  if (before === undefined || after.generation === 0) return true;
  return canonicalJson(intentOf(before, namespace)) !== canonicalJson(intentOf(after, namespace));
}

/** The reference does not look at the kind, and then does nothing for the new one; here it is followed. */
function intentOf({ from, reference, importPolicy }: TagReference, namespace: string): object {
  return {
    from: from ? { kind: from.kind, name: from.name, namespace: from.namespace || namespace } : null,
    reference: reference ?? false,
    importMode: importPolicy?.importMode || null,
  };
}
