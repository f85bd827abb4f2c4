/** The kinds of workloads that triggers serve: where their pod spec is and what the operator keeps of an object. */
import { holdAnnotation, imagesAnnotation, modeAnnotation, triggersAnnotation } from '../api/annotations.ts';
import { arrayOf, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { apiVersionOf, type KubeObject, type Resource } from '../api/resources.ts';
import type { ContainerImage, ContainerList, TriggeredWorkload } from '../api/workload.ts';
import { imageAt } from '../domain/image-path.ts';
import { jobStateOf } from '../domain/job-replacement.ts';
import type { NamedKind } from '../domain/named-kind.ts';
import { type ImageMove, type TriggerMode, templateImagesWith } from '../domain/trigger-plan.ts';

/** A kind of workload. */
export interface WorkloadKind {
  readonly resource: Resource<KubeObject>;
  /** Dotted path of the pod spec in the object, as trigger field paths write it. */
  readonly podSpecPath: string;
  /** Instead of it, the path of the one image that there is. */
  readonly imagePath?: string;
  /** True for a custom resource: it may be missing, and the API server cannot merge its lists by name. */
  readonly isCustom: boolean;
}

/** Jobs, whose templates cannot change: they are replaced. */
export const jobKind: WorkloadKind = builtIn('batch', 'Job', 'spec.template.spec');

/** The kinds that are watched in every cluster. */
export const workloadKinds: readonly WorkloadKind[] = [
  builtIn('apps', 'Deployment', 'spec.template.spec'),
  builtIn('apps', 'StatefulSet', 'spec.template.spec'),
  builtIn('apps', 'DaemonSet', 'spec.template.spec'),
  // Jobs that run already keep their image: the template is for the next ones.
  builtIn('batch', 'CronJob', 'spec.jobTemplate.spec.template.spec'),
  jobKind,
];

function builtIn(group: string, kind: string, podSpecPath: string): WorkloadKind {
  const plural = `${kind.toLowerCase()}s`;
  return { resource: { group, version: 'v1', kind, plural, namespaced: true }, podSpecPath, isCustom: false };
}

/** A kind that an administrator has named. Its objects tell what they are called. */
export function customKind({ resource: plural, version, group, path, isImage }: NamedKind): WorkloadKind {
  const resource = { group, version, kind: plural, plural, namespaced: true };
  if (isImage) return { resource, podSpecPath: '', imagePath: path, isCustom: true };
  return { resource, podSpecPath: path, isCustom: true };
}

/** What tells a kind from the others in the keys of the queue. */
export function kindName({ resource: { kind, plural, group }, isCustom }: WorkloadKind): string {
  return isCustom ? `${plural}.${group}` : kind;
}

/**
 * What is kept of a workload: undefined without the annotation, so that a cluster's untouched workloads cost
 * no memory.
 */
export function keepTriggered(kind: WorkloadKind, object: KubeObject): TriggeredWorkload | undefined {
  const { resource, podSpecPath } = kind;
  const { namespace, name, uid, resourceVersion, annotations, deletionTimestamp } = object.metadata;
  const triggers = annotations?.[triggersAnnotation];
  if (triggers === undefined) return undefined;
  const job = kind === jobKind ? jobStateOf(object) : undefined;
  // A Job that goes may be one that is being replaced; one of a CronJob is left alone.
  if (job === undefined ? deletionTimestamp !== undefined : hasController(object)) return undefined;
  return {
    apiVersion: apiVersionOf(resource),
    kind: object.kind ?? resource.kind,
    namespace: namespace ?? '',
    name,
    uid: uid ?? '',
    resourceVersion: resourceVersion ?? '',
    triggers,
    podSpecPath,
    mode: annotations?.[modeAnnotation],
    hold: annotations?.[holdAnnotation],
    templateImages: textOf(valueAt(object, [...templateAnnotations(podSpecPath), imagesAnnotation])),
    ...imagesOf(kind, object),
    ...(job === undefined ? {} : { job }),
  };
}

function imagesOf(
  { podSpecPath, imagePath }: WorkloadKind,
  object: KubeObject,
): Pick<TriggeredWorkload, 'containers' | 'initContainers' | 'imagePath' | 'imagePointer'> {
  if (imagePath !== undefined) {
    const found = imageAt(object, imagePath);
    const initContainers: readonly ContainerImage[] = [];
    if (found === undefined) return { containers: [], initContainers, imagePath };
    const { pointer: imagePointer, image } = found;
    return { containers: [{ name: imagePath, image }], initContainers, imagePath, imagePointer };
  }
  const podSpec = valueAt(object, podSpecPath.split('.'));
  return {
    containers: containersOf(podSpec, 'containers'),
    initContainers: containersOf(podSpec, 'initContainers'),
  };
}

function hasController({ metadata }: KubeObject): boolean {
  return arrayOf(metadata.ownerReferences).some((owner) => valueAt(owner, ['controller']) === true);
}

/** A patch, and how the API server has to read it. */
export interface MovesPatch {
  readonly type: 'strategic' | 'merge' | 'json';
  readonly document: unknown;
}

/** The patch that moves images and nothing else; undefined for a mode that writes nothing. */
export function movesPatch(
  { isCustom }: Pick<WorkloadKind, 'isCustom'>,
  workload: TriggeredWorkload,
  plan: { readonly mode: TriggerMode; readonly moves: readonly ImageMove[] },
): MovesPatch | undefined {
  if (plan.mode === 'report') return undefined;
  if (!isCustom) return { type: 'strategic', document: mergeDocument(workload, plan) };
  if (plan.mode === 'annotate') return { type: 'merge', document: mergeDocument(workload, plan) };
  return { type: 'json', document: jsonOperations(workload, plan.moves) };
}

function mergeDocument(
  workload: TriggeredWorkload,
  { mode, moves }: { readonly mode: TriggerMode; readonly moves: readonly ImageMove[] },
): JsonObject {
  if (mode === 'annotate') {
    const images = templateImagesWith(workload.templateImages, moves);
    return guarded(workload, [...templateAnnotations(workload.podSpecPath), imagesAnnotation], images);
  }
  const podSpec: Record<string, ContainerImage[]> = {};
  for (const { list, container, to } of moves)
    podSpec[list] = [...(podSpec[list] ?? []), { name: container, image: to }];
  return guarded(workload, workload.podSpecPath.split('.'), podSpec);
}

/**
 * By their places in the lists. With its own version in it the object is the one that was read, or it is a conflict; another uid
 * would be refused as a change of it.
 */
function jsonOperations(workload: TriggeredWorkload, moves: readonly ImageMove[]): readonly JsonObject[] {
  const { resourceVersion, podSpecPath, imagePointer } = workload;
  const base = `/${podSpecPath.split('.').join('/')}`;
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ...moves.map(({ list, container, to }) => {
      const index = workload[list].findIndex(({ name }) => name === container);
      return { op: 'add', path: imagePointer ?? `${base}/${list}/${index}/image`, value: to };
    }),
  ];
}

/**
 * A patch of one field. With uid and resourceVersion in it the API server refuses it when the object is another one by now, so
 * that a container which went meanwhile is not re-created.
 */
function guarded(
  { uid, resourceVersion }: TriggeredWorkload,
  path: readonly string[],
  value: unknown,
): JsonObject {
  const nested = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
  return { metadata: { uid, resourceVersion }, ...(nested as JsonObject) };
}

/** The path of the annotations beside a pod spec. */
function templateAnnotations(podSpecPath: string): readonly string[] {
  return [...podSpecPath.split('.').slice(0, -1), 'metadata', 'annotations'];
}

function containersOf(podSpec: unknown, list: ContainerList): readonly ContainerImage[] {
  return arrayOf(valueAt(podSpec, [list])).map((container) => ({
    name: textOf(valueAt(container, ['name'])) ?? '',
    image: textOf(valueAt(container, ['image'])) ?? '',
  }));
}
