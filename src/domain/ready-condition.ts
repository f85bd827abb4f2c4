/** The condition `Ready` of a stream: whether every tag is what the spec asks for. */
import { type Condition, setCondition, type WantedCondition } from '../api/conditions.ts';
import type { ImageStream, ImageStreamStatus, NamedTagEventList } from '../api/generated/image-stream.ts';
import { attemptFor, type SourcedTag, sameRequest, sourcedTags } from './import-attempt.ts';

/** The stream's conditions, worked out for a status that it is about to get. `now` is in epoch milliseconds. */
export function readyConditions(stream: ImageStream, status: ImageStreamStatus, now: number): Condition[] {
  const conditions = stream.status?.conditions as readonly Condition[] | undefined;
  return setCondition(
    conditions,
    { type: 'Ready', observedGeneration: stream.metadata.generation ?? 0, ...verdict(stream, status) },
    now,
  );
}

type Verdict = Pick<WantedCondition, 'status' | 'reason' | 'message'>;

function verdict(stream: ImageStream, status: ImageStreamStatus): Verdict {
  const tags = sourcedTags({ ...stream, status });
  const wanted = new Set(tags.map((tag) => tag.name));
  const known = (status.tags ?? []).filter((entry) => wanted.has(entry.tag));
  const faults = known.flatMap(({ tag, conditions }) =>
    (conditions ?? [])
      .filter((condition) => condition.status === 'False')
      .map(({ message }) => `tag ${tag}: ${message ?? ''}`),
  );
  const { repositoryImport } = status;
  if (
    repositoryImport?.reason !== undefined &&
    stream.spec?.dockerImageRepository === repositoryImport.from
  ) {
    faults.unshift(`spec.dockerImageRepository: ${repositoryImport.message ?? ''}`);
  }
  if (faults.length > 0) return { status: 'False', reason: 'ImportFailed', message: faults.join('; ') };
  const pending = tags.filter((tag) => isPending({ ...stream, status }, tag, known)).map(({ name }) => name);
  if (pending.length > 0) {
    return {
      status: 'False',
      reason: 'Importing',
      message: `waiting for the import of ${pending.join(', ')}`,
    };
  }
  if (stream.spec?.dockerImageRepository && repositoryImport?.from !== stream.spec.dockerImageRepository) {
    const message = `waiting for the tags of ${stream.spec.dockerImageRepository}`;
    return { status: 'False', reason: 'Importing', message };
  }
  const message = wanted.size === 1 ? '1 tag is up to date' : `${wanted.size} tags are up to date`;
  return { status: 'True', reason: 'TagsImported', message };
}

/** What a tag asks for now has not been answered yet, by an image or by a failure. */
function isPending(stream: ImageStream, tag: SourcedTag, known: readonly NamedTagEventList[]): boolean {
  const last = known.find((entry) => entry.tag === tag.name)?.lastImport;
  return last === undefined || !sameRequest(last, attemptFor(stream, tag));
}
