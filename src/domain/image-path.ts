/** Paths of an image that stands in a field of its own, such as `spec.paramValues[?(@.name=="builder-image")].value`. */
import { arrayOf, isJsonObject, textOf, valueAt } from '../api/json.ts';

/** A member, or the entry of a list member whose `name` it is. */
interface Step {
  readonly member: string;
  readonly name: string | undefined;
}

/** Where an image stands in an object. */
export interface FoundImage {
  /** JSON pointer (RFC 6901). */
  readonly pointer: string;
  readonly image: string;
}

const stepPattern =
  /^(?<member>[A-Za-z]\w*)(?:\[\?\(\s*@\.name\s*==\s*(?:"(?<double>[^"[\]]*)"|'(?<single>[^'[\]]*)')\s*\)\])?$/;
/** Dots within a selector separate nothing. */
const separator = /\.(?![^[]*\])/;

/** A path in its one form: without a leading `$.`, with double quotes and no blanks; undefined for what is no path. */
export function canonicalImagePath(text: string): string | undefined {
  return stepsOf(text)
    ?.map(({ member, name }) => (name === undefined ? member : `${member}[?(@.name=="${name}")]`))
    .join('.');
}

/** The image at a path of an object; undefined where the path leads to nothing. Never throws. */
export function imageAt(object: unknown, path: string): FoundImage | undefined {
  let pointer = '';
  let value = object;
  for (const { member, name } of stepsOf(path) ?? []) {
    pointer += `/${member}`;
    value = valueAt(value, [member]);
    if (name === undefined) continue;
    const index = arrayOf(value).findIndex((entry) => isJsonObject(entry) && entry['name'] === name);
    pointer += `/${index}`;
    value = arrayOf(value)[index];
  }
  const image = textOf(value);
  return image === undefined ? undefined : { pointer, image };
}

function stepsOf(text: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  for (const part of text.replace(/^\$?\./, '').split(separator)) {
    const groups = stepPattern.exec(part)?.groups;
    if (groups === undefined) return undefined;
    steps.push({ member: groups['member'] ?? '', name: groups['double'] ?? groups['single'] });
  }
  return steps;
}
