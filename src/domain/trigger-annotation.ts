/**
 * The annotation `image.openshift.io/triggers`: a JSON array of `{from, fieldPath, paused}` (semantics 5.1).
 *
 * The reference's grammar, lenient where it is a trap: `paused` may be the text "true" or "false", a
 * selector may have blanks or single quotes, a leading `$.` is allowed, and one bad entry does not
 * stop the others.
 */
import { canonicalJson, isJsonObject, type JsonObject } from '../api/json.ts';
import type { ContainerList } from '../api/workload.ts';
import { canonicalImagePath } from './image-path.ts';
import { isTagName } from './image-reference.ts';

/** Which container a trigger feeds: by its place in the list or by its name. */
export type ContainerSelector =
  | { readonly by: 'index'; readonly list: ContainerList; readonly index: number }
  | { readonly by: 'name'; readonly list: ContainerList; readonly name: string };

/** A tag of a stream in a namespace. */
export interface StreamTag {
  readonly namespace: string;
  readonly stream: string;
  readonly tag: string;
}

/** One valid entry of the annotation. */
export interface ObjectFieldTrigger {
  readonly from: StreamTag;
  readonly fieldPath: string;
  readonly container: ContainerSelector;
  readonly paused: boolean;
}

/** The valid entries, and a sentence for each that is not. */
export interface ParsedTriggers {
  readonly triggers: readonly ObjectFieldTrigger[];
  readonly problems: readonly string[];
}

/** Where the annotation stands. */
export interface TriggerPlace {
  readonly namespace: string;
  readonly podSpecPath: string;
  /** Of a kind that has one image instead of a pod spec. */
  readonly imagePath?: string;
}

/** Longest annotation that is parsed, in UTF-16 units. */
const maxAnnotationLength = 65_536;
/** A pod has containers by the dozen at most. */
const maxTriggers = 100;

/** Parses the annotation's text. Never throws. */
export function parseTriggers(text: string, place: TriggerPlace): ParsedTriggers {
  if (text.length > maxAnnotationLength)
    return failed(`the annotation is longer than ${maxAnnotationLength} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return failed('the annotation is not valid JSON');
  }
  if (value === null) return { triggers: [], problems: [] };
  if (!Array.isArray(value)) return failed('the annotation is not a JSON array');
  if (value.length > maxTriggers) return failed(`the annotation has more than ${maxTriggers} triggers`);
  const triggers: ObjectFieldTrigger[] = [];
  const problems: string[] = [];
  value.forEach((entry: unknown, i) => {
    const parsed = parseTrigger(entry, place);
    if (typeof parsed === 'string') problems.push(`trigger ${i + 1}: ${parsed}`);
    else if (triggers.some((other) => other.fieldPath === parsed.fieldPath)) {
      problems.push(`trigger ${i + 1}: duplicate triggers are not allowed: ${parsed.fieldPath}`);
    } else triggers.push(parsed);
  });
  return { triggers, problems };
}

function failed(problem: string): ParsedTriggers {
  return { triggers: [], problems: [problem] };
}

function parseTrigger(entry: unknown, place: TriggerPlace): ObjectFieldTrigger | string {
  if (!isJsonObject(entry)) return 'it is not an object';
  const from = parseFrom(member(entry, 'from'), place.namespace);
  if (typeof from === 'string') return from;
  const fieldPath = member(entry, 'fieldPath');
  if (typeof fieldPath !== 'string' || fieldPath === '') return 'fieldPath is missing';
  const container =
    place.imagePath === undefined
      ? parseFieldPath(fieldPath, place.podSpecPath)
      : parseImagePath(fieldPath, place.imagePath);
  if (typeof container === 'string') return container;
  const paused = parsePaused(member(entry, 'paused'));
  if (paused === undefined) return 'paused must be true or false';
  return { from, fieldPath, container, paused };
}

function parseFrom(value: unknown, namespace: string): StreamTag | string {
  if (!isJsonObject(value)) return 'from is missing';
  const kind = member(value, 'kind');
  if (kind !== 'ImageStreamTag') return `from.kind must be ImageStreamTag, not ${quote(kind)}`;
  const name = member(value, 'name');
  const [stream, tag, ...rest] = typeof name === 'string' ? name.split(':') : [];
  if (!stream || !tag || rest.length > 0 || !isTagName(tag)) {
    return `from.name must be of the form <stream>:<tag>, not ${quote(name)}`;
  }
  const explicit = member(value, 'namespace') ?? '';
  if (typeof explicit !== 'string') return 'from.namespace must be a text';
  return { namespace: explicit === '' ? namespace : explicit, stream, tag };
}

const fieldPathPattern =
  /^(?:\$\.|\.)?(?<prefix>[\w.]+)\.(?<list>containers|initContainers)\[(?:(?<index>\d{1,4})|\?\(\s*@\.name\s*==\s*(?:"(?<double>[^"]*)"|'(?<single>[^']*)')\s*\))\]\.(?<field>.+)$/;

/** Parses `<podSpecPath>.(containers|initContainers)[<index> or ?(@.name=="<name>")].image`. */
function parseFieldPath(fieldPath: string, podSpecPath: string): ContainerSelector | string {
  const groups = fieldPathPattern.exec(fieldPath)?.groups;
  if (groups === undefined || groups['field'] !== 'image')
    return `field path is not valid: ${fieldPath.slice(0, 256)}`;
  if (groups['prefix'] !== podSpecPath) {
    return `field path is not valid: ${fieldPath.slice(0, 256)}: it must start with ${podSpecPath}`;
  }
  const list: ContainerList = groups['list'] === 'initContainers' ? 'initContainers' : 'containers';
  if (groups['index'] !== undefined) return { by: 'index', list, index: Number(groups['index']) };
  return { by: 'name', list, name: groups['double'] ?? groups['single'] ?? '' };
}

/** The one image of a kind without a pod spec is its first container. */
function parseImagePath(fieldPath: string, imagePath: string): ContainerSelector | string {
  if (canonicalImagePath(fieldPath) === imagePath) return { by: 'index', list: 'containers', index: 0 };
  return `field path is not valid: ${fieldPath.slice(0, 256)}: it must be ${imagePath}`;
}

function parsePaused(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  if (value === 'true') return true;
  return value === 'false' ? false : undefined;
}

/** A member by name; as in the reference's JSON reader, upper and lower case are the same. */
function member(object: JsonObject, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  const key = Object.keys(object).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : object[key];
}

function quote(value: unknown): string {
  // It may be nested deeper than JSON.stringify can follow.
  return canonicalJson(value).slice(0, 128);
}
