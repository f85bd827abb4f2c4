/**
 * Replaces Jobs whose tags have moved: keeps a Job in a ControllerRevision, deletes it, and creates it again with the images of
 * that moment. Whatever ends the operator in between, the next one finds the ControllerRevision and goes on (ADR 0022).
 */
import type { Logger } from 'pino';
import { replacedJobLabel } from '../api/annotations.ts';
import type { ObjectMeta } from '../api/objects.ts';
import {
  type ControllerRevision,
  controllerRevisions,
  type KubeObject,
  type Resource,
} from '../api/resources.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { type BackoffPolicy, backoffMs } from '../domain/backoff.ts';
import {
  hasMoves,
  type JobMoves,
  type JobReplacement,
  jobWith,
  ownersJob,
  parseReplacement,
} from '../domain/job-replacement.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  isConflict,
  isForbidden,
  isNotFound,
  isRefused,
  isTerminating,
  KubeApiError,
} from '../kube/errors.ts';
import { type ObjectKey, objectKey } from '../kube/store.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { jobKind, keepTriggered, kindName } from './workloads.ts';

/** A Job that is deleted, or about to be, and has to be created again. Little, for a namespace may have many that hang. */
export interface PendingJob {
  /** In the queue of the triggers. */
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  readonly formerUid: string;
  readonly revisionUid: string;
  /** The Job is there again, only the ControllerRevision has to go. */
  isCreated: boolean;
}

/** What a ControllerRevision holds, and the Job as triggers see it; its policy has been followed already. */
export interface KeptJob extends JobReplacement {
  readonly workload: TriggeredWorkload;
}

/** What came of an attempt to go on with a replacement. */
export type JobProgress =
  | { readonly kind: 'created'; readonly job: KubeObject }
  /** The former Job is still there, with its pods. */
  | { readonly kind: 'deleting' }
  /** Somebody else has a Job under that name, or the namespace is gone: there is nothing more to do. */
  | { readonly kind: 'dropped' };

/** The cluster puts another image into a Job than the one that was written: it would be replaced for ever. */
export class ImageNotKeptError extends Error {}

const pageSize = 500;
const retry: BackoffPolicy = { baseMs: 1_000, maxMs: 60_000 };
/** Names of Jobs have at most 63 characters. */
const maxRehearsedName = 50;

/** The replacements under way. */
export class JobReplacer {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** The one namespace whose Jobs are replaced; undefined: all. */
  readonly #namespace: string | undefined;
  readonly #pending = new Map<ObjectKey, PendingJob>();

  constructor(options: { client: KubeClient; clock: Clock; log: Logger; namespace?: string | undefined }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#namespace = options.namespace;
  }

  /** The replacement under way of a key of the queue. */
  get(key: ObjectKey): PendingJob | undefined {
    return this.#pending.get(key);
  }

  /** Finds what an earlier process has left in some namespaces, and hands the keys on. Tries until it can; never rejects. */
  async resume(
    { enqueue, has }: { enqueue: (key: ObjectKey) => void; has: (namespace: string) => boolean },
    signal: AbortSignal,
  ): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#load(has, signal);
        for (const key of this.#pending.keys()) enqueue(key);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const hint = isForbidden(error) ? 'apply the rights of this version' : undefined;
        this.#log.warn(
          { err: error, hint },
          'controllerrevisions not listed: Jobs of before are not created again',
        );
        await sleep(this.#clock, backoffMs(retry, attempt, 'jobs'), signal);
      }
    }
  }

  /**
   * Begins to replace a Job that was seen in this version; false when it is another one by now. Throws, and leaves the Job
   * alone, when the API server would not create the new one as it is written.
   */
  async begin(seen: TriggeredWorkload, moves: JobMoves, signal: AbortSignal): Promise<boolean> {
    const { namespace, name, uid, resourceVersion } = seen;
    const present = await this.#find(jobKind.resource, { namespace, name }, signal);
    if (present?.metadata.uid !== uid || present.metadata.resourceVersion !== resourceVersion) return false;
    const job = ownersJob(present);
    await this.#rehearse(jobWith(job, seen, moves), { uid, moves }, signal);
    const kept: JobReplacement = { job, formerVersion: resourceVersion, ...moves };
    const revision = await this.#keep(kept, { namespace, name, uid }, signal);
    const pending = this.#take(revision.metadata);
    if (pending === undefined)
      throw new Error(`the ControllerRevision of Job ${name} is not as it was created`);
    this.#log.info({ kind: 'Job', object: objectKey(namespace, name) }, 'job is deleted to be replaced');
    try {
      await this.#deleteJob(pending, resourceVersion, signal);
      return true;
    } catch (error) {
      // Of any other failure it is not known whether the Job goes.
      if (!isConflict(error) && !isNotFound(error) && !isRefused(error)) throw error;
      await this.#drop(pending, signal);
      if (isRefused(error)) throw error;
      return false;
    }
  }

  /** Reads what is kept of a Job; undefined, and the Job is given up, when somebody has taken it away or made it useless. */
  async read(pending: PendingJob, signal: AbortSignal): Promise<KeptJob | undefined> {
    const { namespace, name, formerUid: uid } = pending;
    const revision = await this.#find(
      controllerRevisions,
      { namespace, name: revisionName(name, uid) },
      signal,
    );
    const kept = parseReplacement(revision?.data);
    if (kept !== undefined && revision?.metadata.uid === pending.revisionUid) {
      const job = ownersJob(kept.job);
      const placed = { ...job, metadata: { ...job.metadata, namespace, name } };
      const { job: _, ...workload } = keepTriggered(jobKind, placed) ?? {};
      if ('triggers' in workload) return { ...kept, job: placed, workload: { ...workload, uid } };
    }
    this.#log.warn(
      { kind: 'Job', object: objectKey(namespace, name) },
      'job given up: its ControllerRevision is gone',
    );
    this.#pending.delete(pending.key);
    return undefined;
  }

  /** Goes on with a replacement: creates the Job when the former one is gone. Throws when the API server does not take it. */
  async finish(
    pending: PendingJob,
    kept: KeptJob,
    moves: JobMoves,
    signal: AbortSignal,
  ): Promise<JobProgress> {
    if (pending.isCreated) return this.#drop(pending, signal);
    const present = await this.#find(jobKind.resource, pending, signal);
    if (present?.metadata.uid === pending.formerUid) {
      if (present.metadata.deletionTimestamp !== undefined) return { kind: 'deleting' };
      // Somebody has changed it before it was deleted: it is planned anew.
      if (present.metadata.resourceVersion !== kept.formerVersion) return this.#drop(pending, signal);
      await this.#deleteJob(pending, kept.formerVersion, signal);
      return { kind: 'deleting' };
    }
    if (present !== undefined) return this.#drop(pending, signal);
    // Whoever has given the Job up before it was gone is heard.
    if ((await this.read(pending, signal)) === undefined) return { kind: 'dropped' };
    let job: KubeObject;
    try {
      job = await this.#client.create(jobKind.resource, jobWith(kept.job, kept.workload, moves), signal);
    } catch (error) {
      if (isTerminating(error) || isNamespaceGone(error)) return this.#drop(pending, signal);
      throw error;
    }
    pending.isCreated = true;
    // Its key comes again when this fails.
    await this.#drop(pending, signal).catch((error: unknown) =>
      this.#log.warn(
        { kind: 'Job', object: objectKey(pending.namespace, pending.name), err: error },
        'ControllerRevision not deleted, it is tried again',
      ),
    );
    return { kind: 'created', job };
  }

  async #load(has: (namespace: string) => boolean, signal: AbortSignal): Promise<void> {
    let next: string | undefined;
    const found: ObjectMeta[] = [];
    do {
      const where = { labelSelector: replacedJobLabel, namespace: this.#namespace };
      const options = { limit: pageSize, continue: next, ...where };
      const page = await this.#client.listMetadataPage(controllerRevisions, options, signal);
      found.push(
        ...page.items.map(({ metadata }) => metadata).filter(({ namespace = '' }) => has(namespace)),
      );
      next = page.metadata.continue;
    } while (next !== undefined && next !== '');
    // Of two for one name the newer counts.
    for (const metadata of found.toSorted((a, b) => (createdAt(a) < createdAt(b) ? -1 : 1)))
      this.#take(metadata);
  }

  /**
   * Whether the new Job would be created, and with these images: admission and quotas have their say while the old one is
   * there. Under another name, always the same one for a Job, so that the same refusal has the same words.
   */
  async #rehearse(
    job: KubeObject,
    { uid, moves }: { readonly uid: string; readonly moves: JobMoves },
    signal: AbortSignal,
  ): Promise<void> {
    const beginning = job.metadata.name.slice(0, maxRehearsedName).replace(/[.-]+$/, '');
    const name = `${beginning}-${uid.slice(0, 8)}`;
    try {
      const metadata = { ...job.metadata, name };
      const answer = await this.#client.create(jobKind.resource, { ...job, metadata }, signal, {
        dryRun: true,
      });
      const answered = keepTriggered(jobKind, answer);
      if (answered !== undefined && hasMoves(answered, moves)) return;
    } catch (error) {
      // A webhook that cannot be rehearsed says nothing about the Job.
      if (error instanceof KubeApiError && error.status === 400 && error.message.includes('dry run')) return;
      throw error;
    }
    throw new ImageNotKeptError('an admission rule of the cluster changes them when the Job is created');
  }

  async #keep(
    kept: JobReplacement,
    { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
    signal: AbortSignal,
  ): Promise<ControllerRevision> {
    const metadata = { namespace, name: revisionName(name, uid), labels: { [replacedJobLabel]: uid } };
    const type = { apiVersion: 'apps/v1', kind: 'ControllerRevision' };
    try {
      return await this.#client.create(
        controllerRevisions,
        { ...type, metadata, data: kept, revision: 1 },
        signal,
      );
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Of an earlier attempt, or of another operator that is just replacing the Job: going on with it tells which.
      const left = await this.#find(controllerRevisions, metadata, signal);
      if (left !== undefined) this.#take(left.metadata);
      throw error;
    }
  }

  /** What is not named as ours is not ours, whatever its labels say. */
  #take({ namespace = '', name: full, uid: revisionUid = '', labels }: ObjectMeta): PendingJob | undefined {
    const formerUid = labels?.[replacedJobLabel] ?? '';
    const name = full.slice(0, -formerUid.length - 1);
    if (formerUid === '' || name === '' || full !== revisionName(name, formerUid)) return undefined;
    const key = `${kindName(jobKind)}/${objectKey(namespace, name)}`;
    const pending = { key, namespace, name, formerUid, revisionUid, isCreated: false };
    this.#pending.set(key, pending);
    return pending;
  }

  async #deleteJob(
    { namespace, name, formerUid: uid }: PendingJob,
    resourceVersion: string,
    signal: AbortSignal,
  ) {
    const which = { uid, resourceVersion, propagationPolicy: 'Foreground' } as const;
    await this.#client.delete(jobKind.resource, { namespace, name }, which, signal);
  }

  async #drop(pending: PendingJob, signal: AbortSignal): Promise<JobProgress> {
    const { key, namespace, name, formerUid, revisionUid } = pending;
    await this.#deleteRevision({ namespace, name: revisionName(name, formerUid) }, revisionUid, signal);
    this.#pending.delete(key);
    return { kind: 'dropped' };
  }

  /** Whatever has been written onto it meanwhile. */
  async #deleteRevision({ namespace, name }: ObjectMeta, uid: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.delete(controllerRevisions, { namespace, name }, { uid }, signal);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  /** The operator may list these; it has no right to get one. */
  async #find<T extends KubeObject>(
    resource: Resource<T>,
    { namespace, name }: { readonly namespace: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const query = { namespace, fieldSelector: `metadata.name=${name}`, limit: 1 };
    const [object] = await this.#client.listNamespace(resource, query, signal);
    return object;
  }
}

function revisionName(job: string, uid: string): string {
  return `${job}-${uid}`;
}

function createdAt({ creationTimestamp = '' }: ObjectMeta): string {
  return creationTimestamp;
}

/** A webhook may answer 404 too; that says nothing about the namespace. */
function isNamespaceGone(error: unknown): boolean {
  return error instanceof KubeApiError && isNotFound(error) && error.message.startsWith('namespaces ');
}
