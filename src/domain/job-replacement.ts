/**
 * What becomes of a Job whose tag has moved. Its template cannot change, so it is replaced: deleted, and created again from what
 * its owner had written. The reference has no triggers on Jobs.
 */
import { imagesAnnotation, jobPolicyAnnotation, triggersAnnotation } from '../api/annotations.ts';
import { arrayOf, isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import type { KubeObject } from '../api/resources.ts';
import type { JobState, TriggeredWorkload } from '../api/workload.ts';
import {
  type ImageMove,
  sourceKey,
  type TriggerMode,
  type TriggerPlan,
  templateImagesWith,
} from './trigger-plan.ts';

/** When a Job may be replaced: when it does not run, at any time, or not at all. */
export type JobPolicy = 'WhenFinished' | 'Always' | 'Never';

/** What is written of the moves of a Job. */
export interface JobMoves {
  readonly mode: TriggerMode;
  readonly moves: readonly ImageMove[];
}

/** All that has to be known to create a Job that was deleted. */
export interface JobReplacement extends JobMoves {
  /** As its owner had written it. */
  readonly job: KubeObject;
  /** The version in which it was deleted. */
  readonly formerVersion: string;
}

/** Reads a replacement that somebody may have tampered with; undefined for what is none. Never throws. */
export function parseReplacement(data: unknown): JobReplacement | undefined {
  const job = valueAt(data, ['job']);
  const mode = valueAt(data, ['mode']);
  const triggers = valueAt(job, ['metadata', 'annotations', triggersAnnotation]);
  if (!isJsonObject(job) || typeof triggers !== 'string' || (mode !== 'digest' && mode !== 'annotate'))
    return undefined;
  const moves = arrayOf(valueAt(data, ['moves'])).flatMap((move) => parseMove(move) ?? []);
  const formerVersion = textOf(valueAt(data, ['formerVersion'])) ?? '';
  return { job: job as unknown as KubeObject, mode, moves, formerVersion };
}

function parseMove(value: unknown): ImageMove | undefined {
  const text = (...path: readonly string[]): string => textOf(valueAt(value, path)) ?? '';
  const list = text('list');
  if (list !== 'containers' && list !== 'initContainers') return undefined;
  const source = {
    namespace: text('source', 'namespace'),
    stream: text('source', 'stream'),
    tag: text('source', 'tag'),
  };
  return { list, container: text('container'), from: text('from'), to: text('to'), source };
}

/**
 * The moves of a Job that is created again: those for which it was deleted, with what their tags stand for now. Where a tag
 * stands for nothing any more, or somebody wants calm, that is no reason to run the old image once more.
 */
export function movesAgain({ moves }: JobMoves, { resolved }: TriggerPlan): readonly ImageMove[] {
  return moves.map((move) => ({ ...move, to: resolved.get(sourceKey(move.source)) ?? move.to }));
}

/** True when a Job has the images that were written into it: what admission changes would be written for ever. */
export function hasMoves(workload: TriggeredWorkload, { mode, moves }: JobMoves): boolean {
  if (mode === 'annotate')
    return workload.templateImages === templateImagesWith(workload.templateImages, moves);
  return moves.every((move) => imageOf(workload, move) === move.to);
}

/** True for a Job that has never run and waits for its first image: nobody contests that. */
export function waitsForImage(workload: TriggeredWorkload, moves: readonly ImageMove[]): boolean {
  return workload.job?.phase === 'idle' && moves.some((move) => isPlaceholder(imageOf(workload, move)));
}

/** Labels that the API server puts on the pods of a Job, with their older spellings. */
const serverLabels = [
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
  'controller-uid',
  'job-name',
];
/** Annotations that the API server and its controllers put on a Job. */
const serverAnnotations = [
  'batch.kubernetes.io/job-tracking',
  'batch.kubernetes.io/cronjob-scheduled-timestamp',
];

/** Reads the state of a Job. One that was suspended before its first pod is idle: there is no work to lose. */
export function jobStateOf(job: KubeObject): JobState {
  const status = valueAt(job, ['status']);
  const isFinished = arrayOf(valueAt(status, ['conditions'])).some(
    (condition) =>
      ['Complete', 'Failed'].includes(textOf(valueAt(condition, ['type'])) ?? '') &&
      valueAt(condition, ['status']) === 'True',
  );
  const counts = ['active', 'succeeded', 'failed', 'terminating'].map((name) => valueAt(status, [name]));
  const hasRun = counts.some((count) => typeof count === 'number' && count > 0);
  const isIdle = valueAt(job, ['spec', 'suspend']) === true && !hasRun;
  return {
    policy: job.metadata.annotations?.[jobPolicyAnnotation],
    phase: isFinished ? 'finished' : isIdle ? 'idle' : 'active',
    isDeleting: job.metadata.deletionTimestamp !== undefined,
  };
}

/** Takes from a plan what the policy of the Job does not allow now; nothing from the plan of another kind. */
export function withJobPolicy(plan: TriggerPlan, workload: TriggeredWorkload): TriggerPlan {
  const { job } = workload;
  if (job === undefined || plan.moves.length === 0) return plan;
  const policy = parsePolicy(job.policy);
  if (policy === undefined)
    return { ...plan, moves: [], problems: [...plan.problems, policyProblem(job.policy)] };
  if (policy === 'Never') return { ...plan, moves: [] };
  const mustEnd = policy === 'WhenFinished' && job.phase === 'active' && plan.mode !== 'report';
  // A pod without an image never comes to its end.
  if (!mustEnd || plan.moves.some((move) => isPlaceholder(imageOf(workload, move)))) return plan;
  return { ...plan, moves: [], postponed: plan.moves };
}

function parsePolicy(text: string | undefined): JobPolicy | undefined {
  if (text === undefined || text === 'WhenFinished') return 'WhenFinished';
  return text === 'Always' || text === 'Never' ? text : undefined;
}

function policyProblem(text: string | undefined): string {
  return `${jobPolicyAnnotation} must be WhenFinished, Always or Never, not ${JSON.stringify(text).slice(0, 128)}: the Job stays as it is`;
}

/** True for an image that stands for one to come: a blank, or the word. */
function isPlaceholder(image: string): boolean {
  return ['', 'placeholder'].includes(image.trim());
}

function imageOf(workload: TriggeredWorkload, { list, container }: ImageMove): string {
  return workload[list].find(({ name }) => name === container)?.image ?? '';
}

/** A Job as its owner had written it: without its status and without what the API server and the Job controller added. */
export function ownersJob({ metadata, ...job }: KubeObject): KubeObject {
  const { namespace, name, labels, annotations, ownerReferences } = metadata;
  const { selector, template, ...spec } = objectAt(job, 'spec');
  const { metadata: templateMetadata, ...pod } = isJsonObject(template) ? template : {};
  const isManual = spec['manualSelector'] === true;
  const podLabels = objectAt(templateMetadata, 'labels');
  const podMetadata = {
    ...(isJsonObject(templateMetadata) ? templateMetadata : {}),
    labels: isManual ? podLabels : without(podLabels, serverLabels),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...(namespace === undefined ? {} : { namespace }),
      name,
      labels: without(labels ?? {}, serverLabels),
      annotations: without(annotations ?? {}, serverAnnotations),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    spec: { ...spec, ...(isManual ? { selector } : {}), template: { ...pod, metadata: podMetadata } },
  } as KubeObject;
}

/** An {@link ownersJob} with other images. One that was suspended until it has an image is started. */
export function jobWith(job: KubeObject, workload: TriggeredWorkload, { mode, moves }: JobMoves): KubeObject {
  const spec = objectAt(job, 'spec');
  const template = objectAt(spec, 'template');
  if (mode === 'report') return job;
  if (mode === 'annotate') {
    const metadata = objectAt(template, 'metadata');
    const images = templateImagesWith(workload.templateImages, moves);
    const annotations = { ...objectAt(metadata, 'annotations'), [imagesAnnotation]: images };
    return withSpec(job, { ...spec, template: { ...template, metadata: { ...metadata, annotations } } });
  }
  const podSpec = { ...objectAt(template, 'spec') };
  for (const list of ['initContainers', 'containers'] as const) {
    const images = new Map(
      moves.filter((move) => move.list === list).map(({ container, to }) => [container, to]),
    );
    if (images.size > 0)
      podSpec[list] = arrayOf(podSpec[list]).map((container) => withImage(container, images));
  }
  const waited = moves.some((move) => isPlaceholder(imageOf(workload, move)));
  const isReady = !['initContainers', 'containers'].some((list) =>
    arrayOf(podSpec[list]).some((container) => isPlaceholder(textOf(valueAt(container, ['image'])) ?? '')),
  );
  const started = waited && isReady ? { suspend: false } : {};
  return withSpec(job, { ...spec, ...started, template: { ...template, spec: podSpec } });
}

function withImage(container: unknown, images: ReadonlyMap<string, string>): unknown {
  const image = images.get(textOf(valueAt(container, ['name'])) ?? '');
  return image === undefined ? container : { ...(container as JsonObject), image };
}

function withSpec(job: KubeObject, spec: JsonObject): KubeObject {
  return { ...job, spec } as KubeObject;
}

function objectAt(value: unknown, name: string): Record<string, unknown> {
  const member = valueAt(value, [name]);
  return isJsonObject(member) ? { ...member } : {};
}

function without<T>(entries: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => !names.includes(name)));
}
