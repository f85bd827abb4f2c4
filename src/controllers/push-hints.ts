/**
 * Pushes that registries announce: hints to look at once, for every stream that follows what was named. Nothing of an
 * event is believed; whether something changed is found out at the registry. Where announcements are seen to work,
 * polling is stretched.
 */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import type { KnownTagObject } from '../api/tag-object.ts';
import { type ImageReference, manifestIdentifier, parseImageReference } from '../domain/image-reference.ts';
import { sourcedTags } from '../domain/import-attempt.ts';
import type { PlannedTag } from '../domain/import-plan.ts';
import {
  announced,
  foundByPoll,
  noPollingTrust,
  type PollingTrust,
  stretch,
} from '../domain/polling-trust.ts';
import { type PushEvent, repositoryKey, repositoryKeys } from '../domain/push-notification.ts';
import { type ObjectKey, objectKey, type Store } from '../kube/store.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CheckMemory } from './check-memory.ts';
import type { StreamViews } from './tag-objects.ts';

/** Index of both stores: the repositories that scheduled tags follow. */
const byRepository = 'by repository';

/** Repositories whose announcements are remembered; the one that changed longest ago goes first. */
const maxRepositories = 10_000;

/** How far announcements of each repository can be relied on. */
export class PushTrust {
  readonly #clock: Clock;
  readonly #repositories = new BoundedMap<string, PollingTrust>(maxRepositories);

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
    this.#repositories.set(key, after);
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

interface HintStores {
  readonly streams: Store<ImageStream>;
  readonly tagObjects: Store<KnownTagObject>;
}

/**
 * Files streams, and ImageStreamTags that declare a tag, under the repositories that their scheduled tags follow; before the
 * first object is there.
 */
export function indexByRepository({ streams, tagObjects }: HintStores): void {
  streams.addIndex(byRepository, (stream) => repositoriesOf(sourcedTags(stream)));
  tagObjects.addIndex(byRepository, ({ of, declared }) =>
    of === undefined || declared === undefined ? [] : repositoriesOf([declared]),
  );
}

/** Notes the tags that events name and enqueues their streams. */
export function takeHints(
  events: readonly PushEvent[],
  {
    views,
    checks,
    enqueue,
    ...stores
  }: HintStores & { views: StreamViews; checks: CheckMemory; enqueue: (key: ObjectKey) => void },
): void {
  for (const event of events) {
    for (const key of followersOf(repositoryKey(event), stores)) {
      const stream = views.get(key);
      const named =
        stream === undefined
          ? []
          : followedTags(sourcedTags(stream)).filter(({ reference }) => isNamed(reference, event));
      for (const { tag } of named) checks.announce(key, tag.name);
      if (named.length > 0) enqueue(key);
    }
  }
}

/** The streams that may have tags that follow a repository. */
function followersOf(repository: string, { streams, tagObjects }: HintStores): ReadonlySet<ObjectKey> {
  const followers = new Set(streams.keysByIndex(byRepository, repository));
  for (const key of tagObjects.keysByIndex(byRepository, repository)) {
    const { namespace, of } = tagObjects.get(key) ?? {};
    if (of !== undefined) followers.add(objectKey(namespace, of.stream));
  }
  return followers;
}

function isNamed(reference: ImageReference, event: PushEvent): boolean {
  if (event.tag !== undefined && event.tag !== manifestIdentifier(reference)) return false;
  return repositoryKeys(reference).includes(repositoryKey(event));
}

function repositoriesOf(tags: readonly TagReference[]): ReadonlySet<string> {
  return new Set(followedTags(tags).flatMap(({ reference }) => repositoryKeys(reference)));
}

function followedTags(
  tags: readonly TagReference[],
): readonly { tag: TagReference; reference: ImageReference }[] {
  return tags.flatMap((tag) => {
    if (tag.importPolicy?.scheduled !== true || tag.from?.kind !== 'DockerImage') return [];
    const parsed = parseImageReference(tag.from.name);
    return parsed.ok && parsed.reference.digest === undefined ? [{ tag, reference: parsed.reference }] : [];
  });
}

function keyOf(reference: ImageReference): string {
  return repositoryKeys(reference)[0];
}
