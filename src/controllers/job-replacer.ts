/**
 * Replaces Jobs whose tags have moved: keeps a Job in a ControllerRevision, deletes it, and creates it again with the images of
 * that moment. Whatever ends the operator in between, the next one finds the ControllerRevision and goes on (ADR 0022).
 */
import type { Logger } from 'pino';
import { replacedJobLabel } from '../api/annotations.ts';
import { textOf, valueAt } from '../api/json.ts';
import { type ControllerRevision, controllerRevisions, type KubeObject } from '../api/resources.ts';
import type { TriggeredWorkload } from '../api/workload.ts';
import { type JobMoves, jobWith, ownersJob } from '../domain/job-replacement.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  isConflict,
  isForbidden,
  isNotFound,
  isRefused,
  isTerminating,
  KubeApiError,
} from '../kube/errors.ts';
import { objectKey } from '../kube/store.ts';
import { jobKind, keepTriggered, kindName } from './workloads.ts';

/** A Job that is deleted, or about to be, and has to be created again. */
export interface PendingJob {
  /** In the queue of the triggers. */
  readonly key: string;
  readonly formerUid: string;
  /** As its owner had written it. */
  readonly job: KubeObject;
  /** The same, as triggers see it; its policy has been followed already. */
  readonly workload: TriggeredWorkload;
  readonly revision: ControllerRevision;
}

/** What came of an attempt to go on with a replacement. */
export type JobProgress =
  | { readonly kind: 'created'; readonly job: KubeObject }
  /** The former Job is still there, with its pods. */
  | { readonly kind: 'deleting' }
  /** Somebody else has a Job under that name, or the namespace is gone: there is nothing more to do. */
  | { readonly kind: 'dropped' };

const pageSize = 50;

/** The replacements under way. */
export class JobReplacer {
  readonly #client: KubeClient;
  readonly #log: Logger;
  readonly #pending = new Map<string, PendingJob>();

  constructor({ client, log }: { readonly client: KubeClient; readonly log: Logger }) {
    this.#client = client;
    this.#log = log;
  }

  /** The replacement under way of a key of the queue. */
  get(key: string): PendingJob | undefined {
    return this.#pending.get(key);
  }

  /** Finds what an earlier process has left; the keys to be looked at. */
  async load(signal: AbortSignal): Promise<readonly string[]> {
    let next: string | undefined;
    try {
      do {
        const options = { limit: pageSize, continue: next, labelSelector: replacedJobLabel };
        const page = await this.#client.listPage(controllerRevisions, options, signal);
        for (const revision of page.items) this.#take(revision);
        next = page.metadata.continue;
      } while (next !== undefined && next !== '');
    } catch (error) {
      if (!isForbidden(error)) throw error;
      const hint = 'apply the rights of this version; until then no Job is replaced';
      this.#log.error({ err: error, hint }, 'the operator lacks the right to list controllerrevisions');
    }
    return [...this.#pending.keys()];
  }

  /**
   * Begins to replace a Job that was seen in this version; false when it is another one by now. Throws, and leaves the Job
   * alone, when the API server would not create the new one.
   */
  async begin(seen: TriggeredWorkload, moves: JobMoves, signal: AbortSignal): Promise<boolean> {
    const present = await this.#find(seen.namespace, seen.name, signal);
    if (present?.metadata.uid !== seen.uid || present.metadata.resourceVersion !== seen.resourceVersion)
      return false;
    const job = ownersJob(present);
    await this.#rehearse(jobWith(job, seen, moves), signal);
    const revision = await this.#store(job, seen.uid, signal);
    const pending = this.#take(revision);
    this.#log.info({ kind: 'Job', object: objectKey(seen.namespace, seen.name) }, 'job is replaced');
    const place = { namespace: seen.namespace, name: seen.name };
    const which = { resourceVersion: seen.resourceVersion, propagationPolicy: 'Foreground' } as const;
    try {
      await this.#client.delete(jobKind.resource, place, which, signal);
    } catch (error) {
      // Of any other failure it is not known whether the Job goes.
      if (!isConflict(error) && !isNotFound(error) && !isRefused(error)) throw error;
      if (pending !== undefined) await this.#drop(pending, signal);
      if (isRefused(error)) throw error;
      return false;
    }
    return true;
  }

  /** Goes on with a replacement: creates the Job when the former one is gone. Throws when the API server does not take it. */
  async finish(pending: PendingJob, moves: JobMoves, signal: AbortSignal): Promise<JobProgress> {
    const { namespace = '', name } = pending.job.metadata;
    const present = await this.#find(namespace, name, signal);
    if (present?.metadata.uid === pending.formerUid && present.metadata.deletionTimestamp !== undefined)
      return { kind: 'deleting' };
    // The former one that is not being deleted is planned anew.
    if (present !== undefined) return this.#drop(pending, signal);
    try {
      const job = await this.#client.create(
        jobKind.resource,
        jobWith(pending.job, pending.workload, moves),
        signal,
      );
      await this.#drop(pending, signal);
      return { kind: 'created', job };
    } catch (error) {
      if (isNotFound(error) || isTerminating(error)) return this.#drop(pending, signal);
      throw error;
    }
  }

  /** Whether the new Job would be created under another name: admission and quotas have their say while the old one is there. */
  async #rehearse(job: KubeObject, signal: AbortSignal): Promise<void> {
    const { name, ...metadata } = job.metadata;
    const rehearsed = { ...job, metadata: { ...metadata, generateName: `${name.slice(0, 50)}-` } };
    try {
      await this.#client.create(jobKind.resource, rehearsed as unknown as KubeObject, signal, {
        dryRun: true,
      });
    } catch (error) {
      // A webhook that cannot be rehearsed says nothing about the Job.
      if (error instanceof KubeApiError && error.status === 400 && error.message.includes('dry run')) return;
      throw error;
    }
  }

  async #store(job: KubeObject, uid: string, signal: AbortSignal): Promise<ControllerRevision> {
    const { namespace = '', name } = job.metadata;
    const revision: ControllerRevision = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { namespace, name: `${name}-${uid}`, labels: { [replacedJobLabel]: uid } },
      data: job,
      revision: 1,
    };
    try {
      return await this.#client.create(controllerRevisions, revision, signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Left by an attempt that did not come as far as to delete the Job, which may have changed since.
      const left = await this.#client.listNamespace(
        controllerRevisions,
        { namespace, fieldSelector: `metadata.name=${revision.metadata.name}`, limit: 1 },
        signal,
      );
      for (const { metadata } of left) await this.#delete(metadata, signal);
      throw error;
    }
  }

  /** What is not a Job with triggers is not ours, whatever its labels say. */
  #take(revision: ControllerRevision): PendingJob | undefined {
    const { namespace = '', labels, name: revisionName } = revision.metadata;
    const formerUid = labels?.[replacedJobLabel] ?? '';
    const { data } = revision;
    const name = textOf(valueAt(data, ['metadata', 'name'])) ?? '';
    if (name === '' || revisionName !== `${name}-${formerUid}`) return undefined;
    const { metadata, ...written } = ownersJob(data as KubeObject);
    const job = { ...written, metadata: { ...metadata, namespace } };
    const kept = keepTriggered(jobKind, job);
    if (kept === undefined) return undefined;
    const { job: _, ...workload } = kept;
    const key = `${kindName(jobKind)}/${objectKey(namespace, name)}`;
    const pending = { key, formerUid, job, workload: { ...workload, uid: formerUid }, revision };
    this.#pending.set(key, pending);
    return pending;
  }

  async #drop(pending: PendingJob, signal: AbortSignal): Promise<JobProgress> {
    await this.#delete(pending.revision.metadata, signal);
    this.#pending.delete(pending.key);
    return { kind: 'dropped' };
  }

  async #delete(
    { namespace, name, resourceVersion = '' }: KubeObject['metadata'],
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#client.delete(controllerRevisions, { namespace, name }, { resourceVersion }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The operator may list Jobs; it has no right to get one. */
  async #find(namespace: string, name: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    const query = { namespace, fieldSelector: `metadata.name=${name}`, limit: 1 };
    return (await this.#client.listNamespace(jobKind.resource, query, signal))[0];
  }
}
