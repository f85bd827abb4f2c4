/** Who else writes what triggers write, as the API server notes it in `metadata.managedFields`. */
import { fieldManager, imagesAnnotation } from '../api/annotations.ts';
import { arrayOf, isJsonObject, textOf, valueAt } from '../api/json.ts';
import type { ImageMove, TriggerMode } from './trigger-plan.ts';

/** What was written and is there no more. */
export interface ContestedFields {
  readonly mode: TriggerMode;
  readonly moves: readonly ImageMove[];
  /** True where the API server does not tell containers apart: in lists of custom resources. */
  readonly isCustom: boolean;
}

const maxNames = 3;

/** The field managers other than the operator that have such a field; three at most. */
export function imageManagers(managedFields: unknown, fields: ContestedFields): readonly string[] {
  const names = new Set<string>();
  for (const entry of arrayOf(managedFields)) {
    const name = textOf(valueAt(entry, ['manager'])) ?? '';
    if (name !== fieldManager && hasAny(valueAt(entry, ['fieldsV1']), fields)) names.add(name);
  }
  return [...names].slice(0, maxNames);
}

function hasAny(owned: unknown, { mode, moves, isCustom }: ContestedFields): boolean {
  if (mode === 'annotate') return hasField(owned, `f:${imagesAnnotation}`);
  if (isCustom) return hasField(owned, 'f:image');
  return moves.some(({ container }) =>
    hasField(owned, `k:${JSON.stringify({ name: container })}`, 'f:image'),
  );
}

/** True when a field is there at any depth, with the other one in it if that is asked for. */
function hasField(owned: unknown, name: string, inner?: string): boolean {
  if (!isJsonObject(owned)) return false;
  const value = Object.hasOwn(owned, name) ? owned[name] : undefined;
  if (value !== undefined && (inner === undefined || hasField(value, inner))) return true;
  return Object.values(owned).some((member) => hasField(member, name, inner));
}
