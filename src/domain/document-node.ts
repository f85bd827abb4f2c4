/** Reading a document that people write by hand: every fault is noted with its path, and the reading goes on. */
import { isJsonObject } from '../api/json.ts';

/** A value in a document, the way to it, and the list that all faults of the document go to. */
export interface DocumentNode {
  /** As in `mirrors[0].prefix`; empty for the document itself. */
  readonly path: string;
  readonly value: unknown;
  readonly faults: string[];
}

/** Longest piece of the document that a fault shows, in UTF-16 units. */
const maxShown = 64;
/** Longest key for which a better one is looked for. */
const maxSuggestible = 40;

/** Notes a fault. Returns undefined, for a caller that ends with it. */
export function fault({ path, faults }: DocumentNode, text: string): undefined {
  faults.push(path === '' ? text : `${path}: ${text}`);
  return undefined;
}

/** A value for a fault's text: as JSON, cut. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= maxShown ? text : `${text.slice(0, maxShown)}…`;
}

/** The members of a mapping under the known keys. Other keys are faults. Undefined when it is no mapping. */
export function membersOf<K extends string>(
  node: DocumentNode,
  known: readonly K[],
): Readonly<Record<K, DocumentNode>> | undefined {
  const { value, path, faults } = node;
  if (!isJsonObject(value)) {
    return fault(node, `must be a mapping with the keys ${known.join(', ')}, not ${show(value)}`);
  }
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
  for (const key of Object.keys(value)) {
    if (known.some((name) => name === key)) continue;
    const keyNode = { ...node, path: at(/^[\w-]{1,40}$/.test(key) ? key : show(key)) };
    fault(keyNode, `unknown key; ${suggest(key, known)}`);
  }
  const members = known.map((key) => {
    return [key, { path: at(key), value: Object.hasOwn(value, key) ? value[key] : undefined, faults }];
  });
  return Object.fromEntries(members) as Record<K, DocumentNode>;
}

/** The items of a list. Nothing there, or null (a key whose entries are all commented out), is an empty list. */
export function itemsOf(node: DocumentNode, most: number): readonly DocumentNode[] {
  const { value, path, faults } = node;
  if (isAbsent(node)) return [];
  if (!Array.isArray(value)) fault(node, `must be a list, not ${show(value)}`);
  else if (value.length > most) fault(node, `must have at most ${most} entries, not ${value.length}`);
  else return value.map((item, i) => ({ path: `${path}[${i}]`, value: item, faults }));
  return [];
}

/** The text of a value that must be there. */
export function requiredText(node: DocumentNode): string | undefined {
  const { value } = node;
  if (isAbsent(node)) return fault(node, 'is missing');
  if (typeof value !== 'string') return fault(node, `must be a text, not ${show(value)}`);
  return value === '' ? fault(node, 'must not be empty') : value;
}

/** True or false, false when nothing is there. */
export function optionalBoolean(node: DocumentNode): boolean | undefined {
  const { value } = node;
  if (isAbsent(node)) return false;
  return typeof value === 'boolean' ? value : fault(node, `must be true or false, not ${show(value)}`);
}

/** One of some texts, the first when nothing is there. */
export function optionalChoice<T extends string>(
  node: DocumentNode,
  choices: readonly [T, ...T[]],
): T | undefined {
  if (isAbsent(node)) return choices[0];
  const chosen = choices.find((choice) => choice === node.value);
  return chosen ?? fault(node, `must be one of ${choices.join(', ')}, not ${show(node.value)}`);
}

/** True for a value that is not there, or null, which is what YAML makes of a key without a value. */
export function isAbsent({ value }: DocumentNode): boolean {
  return value === undefined || value === null;
}

function suggest(key: string, known: readonly string[]): string {
  const best = nearest(key, known);
  return best === undefined ? `known here: ${known.join(', ')}` : `did you mean ${best}?`;
}

/** The known key that somebody may have meant; undefined when none is like it. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  if (key.length > maxSuggestible) return undefined;
  const [best] = known
    .map((name) => ({ name, distance: distanceOf(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}

/** How far a key is from a known one: 0 when one starts with the other (`blockedRegistries`), else edits of a letter. */
function distanceOf(key: string, name: string): number {
  if (key.length > 2 && (key.startsWith(name) || name.startsWith(key))) return 0;
  let above = Array.from({ length: name.length + 1 }, (_, i) => i);
  for (let i = 0; i < key.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < name.length; j++) {
      const replaced = (above[j] ?? 0) + (key[i] === name[j] ? 0 : 1);
      row.push(Math.min(replaced, (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
    }
    above = row;
  }
  return above[name.length] ?? 0;
}
