/**
 * The conditions of a whole stream, in the form of kstatus: `Ready` always; `Reconciling` while something is still to come by
 * itself; `Stalled` when somebody has to edit something; `HistoryTrimmed` when the object has no room for more history.
 */
import { type Condition, removeCondition, setCondition, type WantedCondition } from '../api/conditions.ts';
import type { ImageStream, NamedTagEventList } from '../api/generated/image-stream.ts';
import { attemptFor, type SourcedTag, sameRequest, sourcedTags } from './import-attempt.ts';
import { invalidReason } from './import-failure.ts';
import { type FittingStatus, historyTrimmed, maxObjectBytes } from './status-size.ts';

/** The stream's conditions, worked out for a status that it is about to get. `now` is in epoch milliseconds. */
export function readyConditions(
  stream: ImageStream,
  { status, full }: FittingStatus,
  now: number,
): Condition[] {
  const verdict = verdictOf({ ...stream, status });
  const wanted: readonly (readonly [string, Text | undefined])[] = [
    ['Ready', verdict.ready],
    ['Reconciling', verdict.reconciling],
    ['Stalled', verdict.stalled],
    [historyTrimmed, full ? trimmed : undefined],
  ];
  const observedGeneration = stream.metadata.generation ?? 0;
  return wanted.reduce(
    (conditions, [type, text]) =>
      text === undefined
        ? removeCondition(conditions, type)
        : setCondition(conditions, { type, observedGeneration, ...text }, now),
    [...((stream.status?.conditions ?? []) as readonly Condition[])],
  );
}

type Text = Pick<WantedCondition, 'status' | 'reason' | 'message'>;

interface Verdict {
  readonly ready: Text;
  readonly reconciling?: Text;
  readonly stalled?: Text;
}

const trimmed: Text = {
  status: 'True',
  reason: 'TooLarge',
  message:
    `the stream has no room for more history: ${maxObjectBytes} bytes are what an object may have, so the oldest images ` +
    'are dropped and the newest kept; delete tags that nobody uses, or spread the tags over several streams',
};

/** `stream` has the status that it is about to get. */
function verdictOf(stream: ImageStream): Verdict {
  const tooLong = longName(stream);
  if (tooLong !== undefined) return stalledBy(tooLong);
  const tags = sourcedTags(stream);
  const entries = new Map((stream.status?.tags ?? []).map((entry) => [entry.tag, entry]));
  const { answered = [], pending = [] } = Object.groupBy(tags, (tag) =>
    isAnswered(stream, tag, entries) ? 'answered' : 'pending',
  );
  // What was wrong with another wish does not count any more.
  const faults = faultsOf(stream, answered, entries);
  if (faults.lasting.length > 0) {
    const all = [...faults.lasting, ...faults.passing, ...faults.waiting].join('; ');
    return { ...stalledBy(faults.lasting.join('; ')), ready: failed(all) };
  }
  if (faults.passing.length > 0) {
    const message = 'what failed is tried again by itself';
    const ready = failed([...faults.passing, ...faults.waiting].join('; '));
    return { ready, reconciling: { status: 'True', reason: 'Retrying', message } };
  }
  const awaited = awaitedBy(stream, pending);
  if (awaited !== undefined) {
    return {
      ready: { status: 'False', reason: 'Importing', message: awaited },
      reconciling: { status: 'True', reason: 'Importing', message: awaited },
    };
  }
  if (faults.waiting.length > 0) {
    const message = faults.waiting.join('; ');
    return {
      ready: { status: 'False', reason: 'WaitingForSource', message },
      reconciling: { status: 'True', reason: 'WaitingForSource', message },
    };
  }
  const message = tags.length === 1 ? '1 tag is up to date' : `${tags.length} tags are up to date`;
  return { ready: { status: 'True', reason: 'TagsImported', message } };
}

function failed(message: string): Text {
  return { status: 'False', reason: 'ImportFailed', message };
}

function stalledBy(message: string): Verdict {
  return { ready: failed(message), stalled: { status: 'True', reason: 'InvalidSpec', message } };
}

interface Faults {
  /** Only an edit helps. */
  readonly lasting: readonly string[];
  /** Tried again after a while. */
  readonly passing: readonly string[];
  /** A source in the cluster that is not there yet. */
  readonly waiting: readonly string[];
}

function faultsOf(
  { spec, status }: ImageStream,
  tags: readonly SourcedTag[],
  entries: ReadonlyMap<string, NamedTagEventList>,
): Faults {
  const [lasting, passing, waiting]: [string[], string[], string[]] = [[], [], []];
  const { repositoryImport } = status ?? {};
  if (repositoryImport?.reason !== undefined && spec?.dockerImageRepository === repositoryImport.from) {
    const kind = repositoryImport.reason === invalidReason ? lasting : passing;
    kind.push(`spec.dockerImageRepository: ${repositoryImport.message ?? ''}`);
  }
  for (const { name, from } of tags) {
    const condition = entries.get(name)?.conditions?.find((candidate) => candidate.status === 'False');
    if (condition === undefined) continue;
    const text = `tag ${name}: ${condition.message ?? ''}`;
    if (condition.reason === invalidReason) lasting.push(text);
    else if (from.kind === 'DockerImage') passing.push(text);
    else waiting.push(text);
  }
  return { lasting, passing, waiting };
}

/** What is asked for now and has not been answered yet, in words. */
function awaitedBy({ spec, status }: ImageStream, pending: readonly SourcedTag[]): string | undefined {
  if (pending.length > 0) return `waiting for the import of ${pending.map(({ name }) => name).join(', ')}`;
  const repository = spec?.dockerImageRepository;
  return repository && status?.repositoryImport?.from !== repository
    ? `waiting for the tags of ${repository}`
    : undefined;
}

/** True when what a tag asks for now has been answered, by an image or by a failure. */
function isAnswered(
  stream: ImageStream,
  tag: SourcedTag,
  entries: ReadonlyMap<string, NamedTagEventList>,
): boolean {
  const last = entries.get(tag.name)?.lastImport;
  return last !== undefined && sameRequest(last, attemptFor(stream, tag));
}

/** Pull specs of the cluster's own registry hold both names (semantics 1.3); no rule of a schema sees the namespace. */
function longName({ metadata: { namespace = '', name } }: ImageStream): string | undefined {
  return `${namespace}/${name}`.length > 255
    ? "'namespace/name' cannot be longer than 255 characters"
    : undefined;
}
