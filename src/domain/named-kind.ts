/** Kinds of workloads by other makers, as an administrator names them: `<resource>.<version>.<group>=<path of the pod spec>`. */

/** A namespaced kind whose objects hold a pod spec. */
export interface NamedKind {
  /** The plural, as in `kubectl get`. */
  readonly resource: string;
  readonly version: string;
  readonly group: string;
  /** Dotted path of the pod spec in the object, such as `spec.template.spec`. */
  readonly podSpecPath: string;
}

const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const kindPattern = new RegExp(
  `^(?<resource>${label})\\.(?<version>v[0-9][a-z0-9]*)\\.(?<group>${label}(?:\\.${label})+)=(?<path>[A-Za-z]\\w*(?:\\.[A-Za-z]\\w*)*)$`,
);
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
  const { resource = '', version = '', group = '', path = '' } = kindPattern.exec(entry)?.groups ?? {};
  if (resource === '')
    throw new Error(
      `${JSON.stringify(entry)} is not of the form resource.version.group=path, such as rollouts.v1alpha1.argoproj.io=spec.template.spec`,
    );
  return { resource, version, group, podSpecPath: path };
}
