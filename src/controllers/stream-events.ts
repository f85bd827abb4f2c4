/** What people hear of a stream: log lines and events, on changes only. */
import type { Logger } from 'pino';
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { ImportOutcomes } from '../domain/import-outcome.ts';
import type { ImportPlan } from '../domain/import-plan.ts';
import type { ImportReason } from '../domain/import-reason.ts';
import type { TagTransition } from '../domain/tag-transition.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';

/** Where it is told. */
export interface StreamEventOptions {
  readonly recorder: EventRecorder;
  readonly log: Logger;
}

/** Log lines about what is going to be done, for who looks closely: what comes of it is told when it changes something. */
export function tellPlan(
  { log }: Pick<StreamEventOptions, 'log'>,
  stream: string,
  { tags, repository }: ImportPlan,
): void {
  for (const { tag, reason, kind } of tags) {
    if (kind === 'check') log.debug({ stream, tag, reason }, 'checking tag');
    else log.debug({ stream, tag, reason }, 'importing tag');
  }
  if (repository !== undefined)
    log.debug({ stream, repository: repository.from, reason: repository.reason }, 'listing repository');
}

/** Log lines and events for what was written, and why it was looked for. */
export function tellTransitions(
  { recorder, log }: StreamEventOptions,
  stream: ImageStream,
  transitions: readonly TagTransition[],
  outcomes: ImportOutcomes,
): void {
  const { namespace = '', name, uid = '' } = stream.metadata;
  const target = { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', namespace, name, uid };
  for (const transition of transitions) {
    const fields = { stream: `${namespace}/${name}`, because: reasonOf(transition, outcomes), ...transition };
    switch (transition.kind) {
      case 'moved': {
        log.info(fields, 'tag moved');
        // A first image is no move: the status says it, and a thousand new streams are not a thousand events.
        if (transition.from === undefined) break;
        const message = `tag ${transition.tag} is ${transition.to}, it was ${transition.from}`;
        recorder.record(target, { type: 'Normal', reason: 'TagMoved', message });
        break;
      }
      case 'failed':
      case 'listing failed': {
        log.warn(fields, 'import failed');
        const place = transition.kind === 'failed' ? `tag ${transition.tag}` : 'spec.dockerImageRepository';
        const message = `${place}: ${transition.message}`;
        recorder.record(target, { type: 'Warning', reason: 'ImportFailed', message });
        break;
      }
      case 'dropped': {
        log.info(fields, 'tag dropped');
        if (transition.images === 0) break;
        const message = `tag ${transition.tag} is gone with its history: its ImageStreamTag was deleted`;
        recorder.record(target, { type: 'Normal', reason: 'TagDeleted', message });
        break;
      }
      case 'recovered':
        log.info(fields, 'import works again');
        break;
    }
  }
}

/** Why a tag, or the repository, was looked at; undefined for what only follows from something else. */
function reasonOf(transition: TagTransition, { tags, repository }: ImportOutcomes): ImportReason | undefined {
  if (transition.kind === 'listing failed') return repository?.planned.reason;
  return tags.find(({ tag }) => tag === transition.tag)?.reason;
}

/** The API server does not accept a status: the stream's owner has to know. */
export function tellRefusal({ recorder, log }: StreamEventOptions, stream: ImageStream, error: Error): void {
  const { namespace = '', name, uid = '' } = stream.metadata;
  log.error({ stream: `${namespace}/${name}`, err: error }, 'status refused');
  recorder.record(
    { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', namespace, name, uid },
    {
      type: 'Warning',
      reason: 'StatusRefused',
      message: `what was imported cannot be stored, the stream is left alone until it changes: ${error.message}`,
    },
  );
}
