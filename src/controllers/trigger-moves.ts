/** Moves the images of triggered workloads: one patch a workload, and what is told of it. */
import type { Logger } from 'pino';
import { imagesAnnotation, jobPolicyAnnotation, modeAnnotation } from '../api/annotations.ts';
import { formatTime } from '../api/time.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { type ContestVerdict, type ImageContest, jobLimits, judgeWrite } from '../domain/image-contest.ts';
import { imageManagers } from '../domain/image-managers.ts';
import { type JobMoves, movesAgain, waitsForImage } from '../domain/job-replacement.ts';
import type { TagReport } from '../domain/tag-report.ts';
import type { ImageMove, TriggerMode, TriggerPlan } from '../domain/trigger-plan.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, isRefused, isTooLarge } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { objectKey } from '../kube/store.ts';
import type { WorkResult } from '../kube/work-queue.ts';
import type { BlockedReason, Metrics } from '../observability/metrics.ts';
import type { Clock } from '../runtime/clock.ts';
import { ImageNotKeptError, type JobReplacer, type KeptJob, type PendingJob } from './job-replacer.ts';
import type { WorkloadReports } from './trigger-reports.ts';
import { kindName, type MovesPatch, movesPatch, type WorkloadKind } from './workloads.ts';

/** What moves are made with. */
export interface MoveOptions {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly jobs: JobReplacer;
}

/** What this process remembers of a workload; nothing of it has to survive. */
export interface WorkloadMemory {
  readonly uid: string;
  /** The annotation whose sources were asked for last. */
  asked: string;
  /** What was told, so that it is told once and not at every look. */
  told: string;
  /** Why the API server did not take the last patch. */
  refusal: string;
  /** Tags that have no image, since when, and whether that was told. */
  waiting: { readonly tags: string; readonly since: number; told: boolean } | undefined;
  /** The moves that were reported. */
  reported: string;
  /** The moves of a Job that runs on, as they were told. */
  postponed: string;
  /** The writes of images, and who undid them. */
  contest: ImageContest | undefined;
  blocked: BlockedReason | undefined;
  /** What its tags stood for at the last look. */
  resolved: ReadonlyMap<string, string>;
}

/** A workload whose images are to move. */
export interface MoveTarget {
  readonly kind: WorkloadKind;
  readonly workload: TriggeredWorkload;
  readonly memory: WorkloadMemory;
}

/** What to write. */
export interface MovesToMake {
  readonly mode: TriggerMode;
  readonly moves: readonly ImageMove[];
  /** When the newest of their images was imported (epoch milliseconds), if a tag was just seen to move. */
  readonly importedAt: number | undefined;
  /** When the push of one of them was announced (epoch milliseconds), if that is how it was seen. */
  readonly announcedAt: number | undefined;
}

/** Time until a Job is looked at again that was not the one that was seen; the watch mostly brings it before. */
const staleJobMs = 1_000;
/** The same for one whose pods are ending. */
const endingJobMs = 30_000;

/**
 * Writes the moves in one patch and tells of them; with the mode `report` only that; a Job is deleted, and told of when it is
 * there again. When somebody else keeps putting other images it rests. Throws when the API server does not take the patch, and
 * on a conflict.
 */
export async function makeMoves(
  options: MoveOptions,
  target: MoveTarget,
  { mode, moves, ...since }: MovesToMake,
  signal: AbortSignal,
): Promise<WorkResult> {
  const { kind, workload, memory } = target;
  const patch = movesPatch(kind, workload, { mode, moves });
  const images = JSON.stringify([mode, ...moves.map(({ list, container, to }) => [list, container, to])]);
  if (patch === undefined) {
    if (memory.reported !== images) report(options, workload, moves);
    memory.reported = images;
    return {};
  }
  const now = options.clock.now();
  const verdict = judge(target, moves, images, now);
  if (verdict?.kind === 'rest') {
    memory.contest = verdict.contest;
    memory.blocked = 'contested';
    if (verdict.begins) await tellContest(options, target, { mode, moves, until: verdict.until }, signal);
    return { requeueAfterMs: verdict.until - now };
  }
  const written = await write(options, target, { patch, mode, moves }, signal);
  if (written === 'gone') return {};
  if (written === 'another version') return { requeueAfterMs: staleJobMs };
  memory.contest = verdict?.contest ?? memory.contest;
  memory.refusal = '';
  if (workload.job !== undefined) {
    tellReplacement(options, workload, moves);
    return { requeueAfterMs: endingJobMs };
  }
  for (const made of moves) tellMove(options, target, made);
  measure(options, since);
  return {};
}

/** How long it took until workloads have what is new. */
function measure(
  { metrics, clock }: MoveOptions,
  { importedAt, announcedAt }: Pick<MovesToMake, 'importedAt' | 'announcedAt'>,
): void {
  const now = clock.now();
  if (importedAt !== undefined) metrics.moveLag.observe((now - importedAt) / 1_000);
  if (announcedAt !== undefined) metrics.pushPatchLag.observe((now - announcedAt) / 1_000);
}

/** Sends the patch, or begins to replace the Job. A refusal is told and thrown. */
async function write(
  options: MoveOptions,
  target: MoveTarget,
  { patch, ...work }: JobMoves & { readonly patch: MovesPatch },
  signal: AbortSignal,
): Promise<'written' | 'gone' | 'another version'> {
  const { kind, workload } = target;
  try {
    if (workload.job !== undefined)
      return (await options.jobs.begin(workload, work, signal)) ? 'written' : 'another version';
    await options.client.patch(kind.resource, workload, patch, signal);
    return 'written';
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    if (isRefused(error) || isTooLarge(error) || error instanceof ImageNotKeptError)
      tellRefusal(options, target, error);
    throw error;
  }
}

/** Nobody contests the first image of a Job. */
function judge(
  { workload, memory: { contest } }: MoveTarget,
  moves: readonly ImageMove[],
  images: string,
  now: number,
): ContestVerdict | undefined {
  if (workload.job === undefined) return judgeWrite(contest, images, now);
  return waitsForImage(workload, moves) ? undefined : judgeWrite(contest, images, now, jobLimits);
}

/** A Job that was deleted to be replaced, and what its tags stand for now. */
export interface JobToCreate {
  readonly pending: PendingJob;
  readonly kept: KeptJob;
  readonly plan: TriggerPlan;
}

/** Creates such a Job when its pods have gone. Throws when the API server does not take it. */
export async function recreateJob(
  options: MoveOptions,
  { kind, workload, memory }: MoveTarget,
  { pending, kept, plan }: JobToCreate,
  signal: AbortSignal,
): Promise<WorkResult> {
  const moves = movesAgain(kept, plan);
  const work = { mode: kept.mode, moves };
  const progress = await options.jobs.finish(pending, kept, work, signal).catch((error: unknown) => {
    if (isRefused(error) || isTooLarge(error)) tellNotRecreated(options, workload, memory, error);
    throw error;
  });
  if (progress.kind === 'deleting') return { requeueAfterMs: endingJobMs };
  memory.refusal = '';
  if (progress.kind === 'dropped') return { requeueAfterMs: staleJobMs };
  const created = { ...workload, uid: progress.job.metadata.uid ?? '' };
  for (const made of moves) tellMove(options, { kind, workload: created, memory }, made);
  return options.jobs.get(pending.key) === undefined ? {} : { requeueAfterMs: staleJobMs };
}

function tellReplacement(
  { recorder }: MoveOptions,
  workload: TriggeredWorkload,
  moves: readonly ImageMove[],
): void {
  const message = `is deleted with its pods, and created again with ${shortly(moves)}`;
  recorder.record(workload, { type: 'Normal', reason: 'JobReplaced', message });
}

/** Tells once that a Job comes to its end first. */
export function tellPostponed(
  { recorder }: MoveOptions,
  { workload, memory }: MoveTarget,
  moves: readonly ImageMove[],
): void {
  const text = shortly(moves);
  if (text === memory.postponed) return;
  memory.postponed = text;
  if (text === '') return;
  const message = `is replaced when it has ended, with ${text}; ${jobPolicyAnnotation}: Always does not wait`;
  recorder.record(workload, { type: 'Normal', reason: 'JobRunsOn', message, once: true });
}

function shortly(moves: readonly ImageMove[]): string {
  return moves
    .map(({ container, to, source }) => `container ${container} of ${nameOf(source)}: ${to}`)
    .join(', ');
}

function tellNotRecreated(
  { recorder, log }: MoveOptions,
  workload: TriggeredWorkload,
  memory: WorkloadMemory,
  error: Error,
): void {
  memory.blocked = 'refused';
  if (error.message === memory.refusal) return;
  memory.refusal = error.message;
  log.warn({ ...place(workload), err: error }, 'job not created again');
  const message = `the Job was deleted to be replaced and cannot be created again, which is tried until it can: ${error.message}`;
  recorder.record(workload, { type: 'Warning', reason: 'JobNotReplaced', message });
}

/** What the ImageStreamTags of a workload's sources have to say of its moves, by stream. */
export function reportsOf(
  { kind, namespace, name }: TriggeredWorkload,
  moves: readonly ImageMove[],
): WorkloadReports {
  const reports = new Map<string, TagReport[]>();
  for (const { source, container, from: image } of moves) {
    const stream = objectKey(source.namespace, source.stream);
    // Who may read a stream need not know what there is in another namespace.
    const workload = source.namespace === namespace ? `${kind}/${name}` : undefined;
    reports.set(stream, [...(reports.get(stream) ?? []), { tag: source.tag, workload, container, image }]);
  }
  return reports;
}

/** Once for the same moves. */
function report(
  { recorder, log }: MoveOptions,
  workload: TriggeredWorkload,
  moves: readonly ImageMove[],
): void {
  for (const { container, from, to, source } of moves) {
    log.info({ ...place(workload), container, from, to, source: nameOf(source) }, 'image reported');
    const message = `container ${container} would run ${nameOf(source)}: ${to}${formerly(from)}`;
    recorder.record(workload, { type: 'Normal', reason: 'ImageUpdateReported', message, once: true });
  }
}

function tellMove(
  { recorder, log, metrics }: MoveOptions,
  { kind, workload }: MoveTarget,
  { container, from, to, source }: ImageMove,
): void {
  log.info({ ...place(workload), container, from, to, source: nameOf(source) }, 'image set');
  metrics.moves.inc({ kind: kindName(kind) });
  const message = `container ${container} now runs ${nameOf(source)}: ${to}${formerly(from)}`;
  recorder.record(workload, { type: 'Normal', reason: 'ImageUpdated', message });
}

/** Two programs that each put their own value have to be told apart by a person. */
async function tellContest(
  { client, recorder, log }: MoveOptions,
  { kind, workload }: MoveTarget,
  { mode, moves, until }: JobMoves & { readonly until: number },
  signal: AbortSignal,
): Promise<void> {
  // The operator may list workloads; it has no right to get one.
  const query = { namespace: workload.namespace, fieldSelector: `metadata.name=${workload.name}`, limit: 1 };
  const found = await client.listNamespace(kind.resource, query, signal).catch(() => []);
  const { isCustom } = kind;
  const others = imageManagers(found[0]?.metadata.managedFields, { mode, moves, isCustom });
  const who = others.length === 0 ? 'somebody' : others.join(', ');
  const what = moves
    .map(({ container, from }) => `${container} (now ${from.trim() || 'no image'})`)
    .join(', ');
  const field = mode === 'annotate' ? `the annotation ${imagesAnnotation}` : 'the image';
  const hint = mode === 'annotate' ? '' : `, or use ${modeHint}`;
  const message =
    `${who} keeps changing ${field} of ${what}; it is left alone until ${formatTime(until)} or until a tag moves. ` +
    `Take ${field} out of what ${who} applies${hint}`;
  log.warn({ ...place(workload), others, until: formatTime(until) }, 'images contested');
  recorder.record(workload, { type: 'Warning', reason: 'ImageContested', message });
}

const modeHint = `the annotation ${modeAnnotation}: annotate (see docs/how-to/gitops.md)`;

/** An admission rule or the schema says no: the owner of the workload has to know. */
function tellRefusal({ recorder }: MoveOptions, { workload, memory }: MoveTarget, error: Error): void {
  memory.blocked = 'refused';
  const message = `the images of its triggers were not accepted: ${error.message}`;
  if (message === memory.refusal) return;
  memory.refusal = message;
  recorder.record(workload, { type: 'Warning', reason: 'ImageUpdateRefused', message });
}

/** What log lines say of a workload. */
export function place({ kind, namespace, name }: TriggeredWorkload): { kind: string; object: string } {
  return { kind, object: objectKey(namespace, name) };
}

function nameOf({ stream, tag }: ImageMove['source']): string {
  return `${stream}:${tag}`;
}

function formerly(from: string): string {
  return from.trim() === '' ? '' : `, it was ${from}`;
}
