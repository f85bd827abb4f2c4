/**
 * Pushes that registries announce: hints to look at once, for every stream that follows what was named. Nothing of an
 * event is believed; whether something changed is found out at the registry. Where announcements are seen to work,
 * polling is stretched.
 */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { type ImageReference, manifestIdentifier, parseImageReference } from '../domain/image-reference.ts';
import { type SourcedTag, sourcedTags } from '../domain/import-attempt.ts';
import type { PlannedTag } from '../domain/import-plan.ts';
import {
  announced,
  foundByPoll,
  noPollingTrust,
  type PollingTrust,
  stretch,
} from '../domain/polling-trust.ts';
import { type PushEvent, repositoryKey, repositoryKeys } from '../domain/push-notification.ts';
import type { ObjectKey, Store } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CheckMemory } from './check-memory.ts';

/** Index of the store of streams: the repositories that their scheduled tags follow. */
const byRepository = 'by repository';

/** Repositories whose announcements are remembered; the one that changed longest ago goes first. */
const maxRepositories = 10_000;

/** How far announcements of each repository can be relied on. */
export class PushTrust {
  readonly #clock: Clock;
  readonly #repositories = new Map<string, PollingTrust>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many periods lie between two checks of a source. */
  readonly stretchOf = (reference: ImageReference): number =>
    stretch(this.#repositories.get(keyOf(reference)) ?? noPollingTrust);

  /** A tag was looked at: `planned` says why; `announcedMeanwhile` that an event came while it was looked at. */
  lookedAt(planned: PlannedTag, changed: boolean, announcedMeanwhile: boolean): void {
    if (planned.kind !== 'check') return;
    const key = keyOf(planned.reference);
    const before = this.#repositories.get(key) ?? noPollingTrust;
    const after = this.#after(before, planned, changed, announcedMeanwhile);
    if (after === before) return;
    this.#repositories.delete(key);
    this.#repositories.set(key, after);
    const oldest = this.#repositories.keys().next();
    if (this.#repositories.size > maxRepositories && !oldest.done) this.#repositories.delete(oldest.value);
  }

  #after(
    before: PollingTrust,
    planned: PlannedTag,
    changed: boolean,
    announcedBefore: boolean,
  ): PollingTrust {
    const at = this.#clock.now();
    if (planned.reason === 'push announced') return changed ? announced(before, at) : before;
    return foundByPoll(before, { changed, announcedBefore, at });
  }
}

/** Files streams under the repositories that their scheduled tags follow; before the first stream is in the store. */
export function indexByRepository(streams: Store<ImageStream>): void {
  streams.addIndex(byRepository, (stream) => {
    const keys = new Set<string>();
    for (const { reference } of followedTags(stream)) {
      for (const key of repositoryKeys(reference)) keys.add(key);
    }
    return keys;
  });
}

/** Notes the tags that events name and enqueues their streams. */
export function takeHints(
  events: readonly PushEvent[],
  {
    streams,
    checks,
    enqueue,
  }: { streams: Store<ImageStream>; checks: CheckMemory; enqueue: (key: ObjectKey) => void },
): void {
  for (const event of events) {
    const repository = repositoryKey(event);
    for (const key of streams.keysByIndex(byRepository, repository)) {
      const stream = streams.get(key);
      const named =
        stream === undefined ? [] : followedTags(stream).filter(({ reference }) => isNamed(reference, event));
      for (const { tag } of named) checks.announce(key, tag.name);
      if (named.length > 0) enqueue(key);
    }
  }
}

function isNamed(reference: ImageReference, event: PushEvent): boolean {
  if (event.tag !== undefined && event.tag !== manifestIdentifier(reference)) return false;
  return repositoryKeys(reference).includes(repositoryKey(event));
}

function followedTags(stream: ImageStream): readonly { tag: SourcedTag; reference: ImageReference }[] {
  return sourcedTags(stream).flatMap((tag) => {
    if (tag.importPolicy?.scheduled !== true || tag.from.kind !== 'DockerImage') return [];
    const parsed = parseImageReference(tag.from.name);
    return parsed.ok && parsed.reference.digest === undefined ? [{ tag, reference: parsed.reference }] : [];
  });
}

function keyOf(reference: ImageReference): string {
  return repositoryKeys(reference)[0];
}
