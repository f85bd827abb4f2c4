/** Kinds of workloads by other makers, as an administrator names them: `<resource>.<version>.<group>=<path of the pod spec or image>`. */
import { canonicalImagePath } from './image-path.ts';

/** A namespaced kind whose objects hold a pod spec, or one image. */
export interface NamedKind {
  /** The plural, as in `kubectl get`. */
  readonly resource: string;
  readonly version: string;
  readonly group: string;
  /** Path of what triggers set: of a pod spec, such as `spec.template.spec`, or of an image. */
  readonly path: string;
  /** True when the path is that of an image: it ends with `image` or `value`. */
  readonly isImage: boolean;
}

const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const kindPattern = new RegExp(
  `^(?<resource>${label})\\.(?<version>v[0-9][a-z0-9]*)\\.(?<group>${label}(?:\\.${label})+)=(?<path>.+)$`,
);
const plainPath = /^[A-Za-z]\w*(?:\.[A-Za-z]\w*)*$/;
const imagePath = /\.(?:image|value)$/;
/** Each kind is a watch. */
const maxKinds = 20;

/** Parses a list that is separated by commas. Throws a sentence. */
export function parseNamedKinds(text: string): readonly NamedKind[] {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.length > maxKinds) throw new Error(`there are more than ${maxKinds} kinds`);
  const kinds = entries.map(parseNamedKind);
  const names = kinds.map(({ resource, group }) => `${resource}.${group}`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`${twice} is there twice`);
  return kinds;
}

function parseNamedKind(entry: string): NamedKind {
  const { resource = '', version = '', group = '', path: text = '' } = kindPattern.exec(entry)?.groups ?? {};
  const isPlain = plainPath.test(text);
  const path = isPlain ? text : canonicalImagePath(text);
  const isImage = path !== undefined && imagePath.test(path);
  if (path === undefined || text.startsWith('.') || !(isPlain || isImage))
    throw new Error(
      `${JSON.stringify(entry)} is not of the form resource.version.group=path, such as rollouts.v1alpha1.argoproj.io=spec.template.spec`,
    );
  return { resource, version, group, path, isImage };
}
