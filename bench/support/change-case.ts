/** Changes of single streams while the operator runs: what each of them makes it write. */
import { importRequestedAnnotation } from '../../src/api/annotations.ts';
import { type AuditedWrite, type AuditLog, countByKind } from '../../test/support/audit-log.ts';
import { type ImageStream, imageStreams } from '../../test/support/resources.ts';
import { countRequests, markLog, type RequestCounts } from './access-log.ts';
import { CollectionWatch } from './collection-watch.ts';
import { operatorAgent } from './operator-run.ts';
import { imageOf, imagesOf, type StatedStream } from './planned-state.ts';
import { pushSamples } from './sample-image.ts';
import type { World } from './world.ts';

const seenMs = 60_000;
/** Distinct from the value that the template has. */
const request = '2026-11-21T08:00:00Z';

/** A way to change a stream. */
export interface ChangeKind {
  readonly name: string;
  /** The tags that get a new image. */
  readonly changed: (stream: StatedStream) => readonly string[];
  /** Where the new images are pushed to: under the same tags, or under others that the spec then names. */
  readonly bySpec: boolean;
}

/** The changes that are measured. */
export const changeKinds: readonly ChangeKind[] = [
  { name: 'a tag moved, import requested', changed: ({ tags }) => tags.slice(0, 1), bySpec: false },
  { name: 'all tags moved, import requested', changed: ({ tags }) => tags, bySpec: false },
  { name: 'spec: a tag follows another one', changed: ({ tags }) => tags.slice(-1), bySpec: true },
];

/** What came of changes of one kind, one after the other. */
export interface ChangeRun {
  readonly name: string;
  readonly streams: number;
  /** Tags that changed, of all streams together. */
  readonly tags: number;
  readonly writes: ReadonlyMap<string, number>;
  /** Status writes of the stream that had most of them. */
  readonly mostStatusWrites: number;
  readonly requests: RequestCounts;
  /** From the request to the status with all new images, as a watch sees it, each in milliseconds. */
  readonly latencies: readonly number[];
}

/** The kind of a write to a stream's status, in an audit log. */
export const statusWrite = 'patch imagestreams/status';

/** Makes what the streams have now exist in the registry, so that nothing but the change is found. */
export async function pushCurrent(
  { cluster, progress }: World,
  streams: readonly StatedStream[],
): Promise<void> {
  await progress.counted(`push the images of ${streams.length} streams`, streams.length, async (done) => {
    for (const stream of streams) {
      await pushSamples(cluster.registry, stream.repository, imagesOf(stream, 'current'));
      done();
    }
  });
}

/** Changes the streams one after the other and counts what the operator does, until it is quiet. */
export async function runChanges(
  world: World,
  kind: ChangeKind,
  { streams, audit }: { readonly streams: readonly StatedStream[]; readonly audit: AuditLog },
): Promise<ChangeRun> {
  const { progress, cluster, signal } = world;
  const { logPath } = cluster.registry;
  await audit.settled(signal);
  const [auditMark, registryMark] = [await audit.mark(), await markLog(logPath)];
  await using watch = await CollectionWatch.open(cluster.facts, imageStreams);
  const latencies: number[] = [];
  await progress.counted(`${kind.name}: ${streams.length} streams`, streams.length, async (done) => {
    for (const stream of streams) {
      latencies.push(await change(world, watch, { kind, stream }));
      done();
    }
    await audit.settled(signal);
  });
  const writes = await audit.since(auditMark);
  return {
    name: kind.name,
    streams: streams.length,
    tags: streams.reduce((sum, stream) => sum + kind.changed(stream).length, 0),
    writes: countByKind(writes),
    mostStatusWrites: mostOf(writes, statusWrite),
    requests: await countRequests(logPath, { since: registryMark, userAgent: operatorAgent }),
    latencies,
  };
}

/** Resolves to the milliseconds from the request to the status. */
async function change(
  { cluster, kube, signal }: World,
  watch: CollectionWatch<ImageStream>,
  { kind, stream }: { readonly kind: ChangeKind; readonly stream: StatedStream },
): Promise<number> {
  const { namespace, name, repository, tags } = stream;
  const changed = kind.changed(stream);
  const pushed = imagesOf(stream, 'next', changed).map(({ tag, image }) => ({
    tag: kind.bySpec ? otherTag(tag) : tag,
    image,
  }));
  await pushSamples(cluster.registry, repository, pushed);
  const wanted = new Map(changed.map((tag) => [tag, imageOf(stream, tag, 'next').digest]));
  const seen = watch.seen((object) => isShown(object, stream, wanted), { timeoutMs: seenMs, signal });
  const startedAt = performance.now();
  const asked = kind.bySpec
    ? kube.patch(
        imageStreams,
        { namespace, name, patchType: 'json' },
        changed.map((tag) => ({
          op: 'replace',
          path: `/spec/tags/${tags.indexOf(tag)}/from/name`,
          value: `${cluster.registry.host}/${repository}:${otherTag(tag)}`,
        })),
      )
    : kube.patch(
        imageStreams,
        { namespace, name },
        { metadata: { annotations: { [importRequestedAnnotation]: request } } },
      );
  const [at] = await Promise.all([seen, asked]);
  return at - startedAt;
}

function otherTag(tag: string): string {
  return `${tag}-next`;
}

/** Whether an object is the stream, with these images (by tag) as the newest ones of its status. */
export function isShown(
  { metadata, status }: ImageStream,
  { namespace, name }: StatedStream,
  wanted: ReadonlyMap<string, string>,
): boolean {
  if (metadata.namespace !== namespace || metadata.name !== name) return false;
  const shown = new Map(status?.tags?.map(({ tag, items }) => [tag, items?.[0]?.image]));
  return [...wanted].every(([tag, digest]) => shown.get(tag) === digest);
}

function mostOf(writes: readonly AuditedWrite[], kind: string): number {
  const counts = new Map<string, number>();
  for (const write of writes) {
    const key = `${write.namespace}/${write.name}`;
    if (write.kind === kind) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
