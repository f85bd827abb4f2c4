/** ImageStreamImports as clients send them: read, defaulted and held against the rules (semantics 1.2, 1.3, 2.1). Pure. */
import type { TagImportPolicy, TagReferencePolicy } from '../api/generated/image-stream.ts';
import { arrayOf, isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { type FieldFault, forbiddenFault, invalidFault, requiredFault, tooManyFault } from './field-fault.ts';
import { type ImageReference, parseImageReference } from './image-reference.ts';
import type { ImportMode } from './import-plan.ts';
import { importNotAllowed, type RegistryPolicy } from './registry-policy.ts';
import { streamNameFaults } from './stream-validation.ts';

/** A source, and how it is wanted. */
interface WantedSource {
  /** Pull spec as it was written. */
  readonly from: string;
  readonly importPolicy: TagImportPolicy & { readonly importMode: ImportMode };
  readonly referencePolicy: TagReferencePolicy;
  /** Manifest and configuration are wanted too, of an image that is not kept. */
  readonly includeManifest: boolean;
}

/** An image that is asked for. */
export interface WantedImage extends WantedSource {
  /** Undefined for the name `*`, which old clients send and nothing has. */
  readonly reference: ImageReference | undefined;
  /** The tag that it is to be kept under; undefined: it is only looked up. */
  readonly to: string | undefined;
}

/** A repository whose tags are asked for. */
export interface WantedRepository extends WantedSource {
  /** Without tag and digest. */
  readonly reference: ImageReference;
}

/** What a client asks for. */
export interface ImportRequest {
  /** The stream. */
  readonly name: string;
  /** Of the stream that the client has seen. */
  readonly resourceVersion: string | undefined;
  readonly uid: string | undefined;
  /** False: nothing is kept. */
  readonly persist: boolean;
  readonly images: readonly WantedImage[];
  readonly repository: WantedRepository | undefined;
  /** The spec with its defaults, as the answer shows it. */
  readonly spec: JsonObject;
}

/** What was sent: a request, something else, or a request with faults. */
export type ReadImport =
  | { readonly kind: 'request'; readonly request: ImportRequest }
  | { readonly kind: 'unreadable'; readonly message: string }
  | { readonly kind: 'invalid'; readonly name: string; readonly faults: readonly FieldFault[] };

/** Images of one request. */
const maxImages = 100;
const importModes: readonly string[] = ['', 'Legacy', 'PreserveOriginal'];
const referenceTypes: readonly string[] = ['', 'Source', 'Local'];

/** Reads an ImageStreamImport for a namespace. `importMode` is that of images that ask for none. */
export function readStreamImport(
  body: unknown,
  { namespace, importMode }: { readonly namespace: string; readonly importMode: ImportMode },
): ReadImport {
  const expected = 'ImageStreamImport';
  if (!isJsonObject(body) || (body['kind'] !== undefined && body['kind'] !== expected))
    return {
      kind: 'unreadable',
      message: `the object provided is unrecognized (must be of type ${expected})`,
    };
  const problem = shapeProblem(body, documentShape, '');
  if (problem !== undefined)
    return {
      kind: 'unreadable',
      message: `${expected} in version "v1" cannot be handled as a ${expected}: ${problem}`,
    };
  const spec = body['spec'];
  const images = readImages(arrayOf(valueAt(spec, ['images'])), importMode);
  const repository = readRepository(valueAt(spec, ['repository']) ?? undefined, importMode);
  const nothing = images.read.length + images.faults.length === 0 && repository === undefined;
  const name = textOf(valueAt(body, ['metadata', 'name'])) ?? '';
  const faults = [
    ...images.faults,
    ...(repository?.faults ?? []),
    ...(nothing
      ? [invalidFault('spec.images', null, 'you must specify at least one image or a repository import')]
      : []),
    ...streamNameFaults(namespace, name),
  ];
  if (faults.length > 0) return { kind: 'invalid', name, faults };
  const precondition = (member: string): string | undefined =>
    textOf(valueAt(body, ['metadata', member])) || undefined;
  const parts = {
    persist: valueAt(spec, ['import']) === true,
    images: images.read,
    repository: repository?.read,
  };
  const [resourceVersion, uid] = [precondition('resourceVersion'), precondition('uid')];
  return { kind: 'request', request: { name, resourceVersion, uid, ...parts, spec: shownSpec(parts) } };
}

/** The sources that the policy does not let anybody import from (semantics 1.4). */
export function forbiddenSources(
  { images, repository }: Pick<ImportRequest, 'images' | 'repository'>,
  policy: RegistryPolicy,
): readonly FieldFault[] {
  const faultOf = (
    path: string,
    { reference, importPolicy }: WantedImage | WantedRepository,
  ): FieldFault[] => {
    const problem =
      reference === undefined
        ? undefined
        : importNotAllowed(policy, reference, importPolicy.insecure === true);
    return problem === undefined ? [] : [forbiddenFault(`${path}.from.name`, problem)];
  };
  return [
    ...(repository === undefined ? [] : faultOf('spec.repository', repository)),
    ...images.flatMap((image, i) => faultOf(`spec.images[${i}]`, image)),
  ];
}

interface Read<T> {
  readonly read: T;
  readonly faults: readonly FieldFault[];
}

function readImages(images: readonly unknown[], importMode: ImportMode): Read<readonly WantedImage[]> {
  if (images.length > maxImages)
    return { read: [], faults: [tooManyFault('spec.images', images.length, maxImages)] };
  const all = images.map((image, i) => readImage(image, `spec.images[${i}]`, importMode));
  return { read: all.map(({ read }) => read), faults: all.flatMap(({ faults }) => faults) };
}

function readImage(image: unknown, path: string, importMode: ImportMode): Read<WantedImage> {
  const source = readSource(image, importMode);
  const { from } = source;
  const to = valueAt(image, ['to']);
  const named = isJsonObject(to) ? (textOf(to['name']) ?? '') : undefined;
  const kindFaults = kindFault(image, path);
  const parsed = from === '*' ? undefined : parseImageReference(from);
  const reference = parsed?.ok ? parsed.reference : undefined;
  const faults = [...kindFaults, ...policyFaults(image, path)];
  if (kindFaults.length === 0) {
    if (named === '')
      faults.push(invalidFault(`${path}.to.name`, '', 'the name of the target tag must be specified'));
    if (from === '') faults.push(requiredFault(`${path}.from.name`));
    else if (parsed?.ok === false) faults.push(invalidFault(`${path}.from.name`, from, parsed.problem));
  }
  // A digest is no name that a tag could have.
  const ownTag = reference?.digest === undefined ? reference?.tag : undefined;
  return { read: { ...source, reference, to: named ?? ownTag }, faults };
}

function readRepository(
  repository: unknown,
  importMode: ImportMode,
): Read<WantedRepository | undefined> | undefined {
  if (repository === undefined) return undefined;
  const path = 'spec.repository';
  const source = readSource(repository, importMode);
  const faults = [...kindFault(repository, path), ...policyFaults(repository, path)];
  const { from } = source;
  const parsed = parseImageReference(from);
  if (valueAt(repository, ['from', 'kind']) === 'DockerImage') {
    const field = `${path}.from.name`;
    if (from === '') faults.push(requiredFault(field, 'container image references require a name'));
    else if (!parsed.ok) faults.push(invalidFault(field, from, parsed.problem));
    else if (parsed.reference.tag !== undefined || parsed.reference.digest !== undefined)
      faults.push(invalidFault(field, from, 'you must specify an image repository, not a tag or ID'));
  }
  return { read: parsed.ok ? { ...source, reference: parsed.reference } : undefined, faults };
}

function readSource(source: unknown, importMode: ImportMode): WantedSource {
  const mode = valueAt(source, ['importPolicy', 'importMode']) || importMode;
  const flag = (name: string): object =>
    valueAt(source, ['importPolicy', name]) === true ? { [name]: true } : {};
  const type = valueAt(source, ['referencePolicy', 'type']) || 'Source';
  return {
    from: textOf(valueAt(source, ['from', 'name'])) ?? '',
    importPolicy: { ...flag('insecure'), ...flag('scheduled'), importMode: mode as ImportMode },
    referencePolicy: { type: type as 'Source' | 'Local' },
    includeManifest: valueAt(source, ['includeManifest']) === true,
  };
}

function kindFault(source: unknown, path: string): FieldFault[] {
  const kind = textOf(valueAt(source, ['from', 'kind'])) ?? '';
  return kind === 'DockerImage'
    ? []
    : [invalidFault(`${path}.from.kind`, kind, 'only DockerImage is supported')];
}

function policyFaults(source: unknown, path: string): FieldFault[] {
  const mode = textOf(valueAt(source, ['importPolicy', 'importMode'])) ?? '';
  const type = textOf(valueAt(source, ['referencePolicy', 'type'])) ?? '';
  const modeProblem = "invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'";
  return [
    ...(importModes.includes(mode)
      ? []
      : [invalidFault(`${path}.importPolicy.importMode`, mode, modeProblem)]),
    ...(referenceTypes.includes(type)
      ? []
      : [invalidFault(`${path}.referencePolicy.type`, type, 'valid values are "Source", "Local"')]),
  ];
}

function shownSpec({
  persist,
  images,
  repository,
}: Pick<ImportRequest, 'persist' | 'images' | 'repository'>): JsonObject {
  return {
    import: persist,
    ...(repository === undefined ? {} : { repository: shownSource(repository) }),
    ...(images.length === 0
      ? {}
      : {
          images: images.map((image) => ({
            ...shownSource(image),
            ...(image.to === undefined ? {} : { to: { name: image.to } }),
          })),
        }),
  };
}

function shownSource({ from, importPolicy, referencePolicy, includeManifest }: WantedSource): JsonObject {
  return {
    from: { kind: 'DockerImage', name: from },
    importPolicy,
    referencePolicy,
    ...(includeManifest ? { includeManifest } : {}),
  };
}

/** A member may be missing or null; what there is has to be of its type. */
type Shape = 'string' | 'boolean' | { readonly [member: string]: Shape } | readonly [Shape];

const sourceShape = {
  from: { kind: 'string', name: 'string' },
  importPolicy: { insecure: 'boolean', scheduled: 'boolean', importMode: 'string' },
  referencePolicy: { type: 'string' },
  includeManifest: 'boolean',
} as const;

const documentShape: Shape = {
  metadata: { name: 'string', namespace: 'string', resourceVersion: 'string', uid: 'string' },
  spec: { import: 'boolean', images: [{ ...sourceShape, to: { name: 'string' } }], repository: sourceShape },
};

function shapeProblem(value: unknown, shape: Shape, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof shape === 'string') return typeof value === shape ? undefined : `${path} must be a ${shape}`;
  if (isList(shape)) {
    if (!Array.isArray(value)) return `${path} must be a list`;
    return firstProblem(value.map((item, i) => () => shapeProblem(item ?? 0, shape[0], `${path}[${i}]`)));
  }
  if (!isJsonObject(value)) return `${path} must be an object`;
  const members = Object.entries(shape);
  return firstProblem(
    members.map(
      ([name, member]) =>
        () =>
          shapeProblem(value[name], member, path === '' ? name : `${path}.${name}`),
    ),
  );
}

function isList(shape: Exclude<Shape, string>): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function firstProblem(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const problem = check();
    if (problem !== undefined) return problem;
  }
  return undefined;
}
