import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ApiAnswer, playApiServer } from '../../test/support/played-api-server.ts';
import { importRequestedAnnotation } from '../api/annotations.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import type { SubjectAccessReview } from '../api/resources.ts';
import { attemptFor, sourcedTags } from '../domain/import-attempt.ts';
import { Store } from '../kube/store.ts';
import { Sharing } from './sharing.ts';
import { StreamSources } from './stream-sources.ts';
import { createTagObjectStore, StreamViews } from './tag-objects.ts';

const never = new AbortController().signal;
const allowed: ApiAnswer = { body: { status: { allowed: true } } };
const refused: ApiAnswer = { body: { status: { allowed: false } } };

/** The sources of streams of `apps`, in a cluster with these streams; `answer` is given the name of the one in question. */
async function setUp(answer: (stream: string) => ApiAnswer, streams: readonly ImageStream[] = []) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const server = await playApiServer(clock, ({ body }) => {
    const { name = '' } = (body as SubjectAccessReview).spec.resourceAttributes;
    asked.push(name);
    return answer(name);
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const stores = {
    streams: new Store<ImageStream>(({ metadata }) => metadata.resourceVersion ?? ''),
    tagObjects: createTagObjectStore(),
  };
  for (const stream of streams)
    stores.streams.put(`${stream.metadata.namespace}/${stream.metadata.name}`, stream);
  const log = pino({ enabled: false });
  const sharing = new Sharing({ client: server.client, clock, log });
  const sources = new StreamSources({ views: new StreamViews(stores), sharing });
  return { clock, asked, of: (stream: ImageStream) => sources.of(stream, never) };
}

const foreignTag = (name: string, stream: string): TagReference => ({
  name,
  from: { kind: 'ImageStreamTag', namespace: 'base', name: `${stream}:1` },
});

/** The stream when all of its tags were looked at in vain, or with success. */
function lookedAt(stream: ImageStream, failures: number): ImageStream {
  const tags: NamedTagEventList[] = sourcedTags(stream).map((tag) => ({
    tag: tag.name,
    items: failures === 0 ? [itemOf('a')] : [],
    lastImport: { ...attemptFor(stream, tag), attemptedAt: '2026-01-01T00:00:00Z', generation: 1, failures },
  }));
  return { ...stream, status: { tags } };
}

/** A stream `apps/<name>` with tags that want something from as many streams of `base`. */
const greedy = (name: string, count: number): ImageStream =>
  streamOf(
    Array.from({ length: count }, (_, i) => foreignTag(`t${i}`, `${name}-${i}`)),
    undefined,
    { name },
  );

describe('refused sources', () => {
  it('of thirty streams with a thousand tags each stay within the budget of their namespace', async () => {
    const { clock, asked, of } = await setUp(() => refused);
    const begun = clock.now();
    const agenda = Array.from({ length: 30 }, (_, i) => {
      const stream = greedy(`hostile${i}`, 1_000);
      return { stream, waiting: lookedAt(stream, 1), at: begun, isNew: true };
    });
    let looks = 0;
    for (;;) {
      const [next] = agenda.toSorted((a, b) => a.at - b.at);
      if (next === undefined || next.at >= begun + 60_000 || asked.length > 5_000) break;
      await clock.advance(next.at - clock.now());
      const { recheckAfterMs = 0 } = await of(next.isNew ? next.stream : next.waiting);
      looks++;
      next.isNew = false;
      next.at = clock.now() + Math.max(recheckAfterMs, 100);
    }
    expect(asked.length).toBeGreaterThan(800);
    expect(asked.length).toBeLessThanOrEqual(300 + 600);
    // And the streams are not looked at all the time.
    expect(looks).toBeLessThan(120);
  }, 30_000);

  it('are not asked for again because something else happens', async () => {
    const { clock, asked, of } = await setUp(() => refused);
    const stream = greedy('web', 50);
    await of(stream);
    let { recheckAfterMs = 0 } = await of(lookedAt(stream, 1));
    for (let minute = 0; minute < 3; minute++) {
      await clock.advance(recheckAfterMs);
      ({ recheckAfterMs = 0 } = await of(lookedAt(stream, 1)));
    }
    const before = asked.length;
    const { recheckAfterMs: waitMs = 0 } = await of(lookedAt(stream, 1));
    for (let wake = 0; wake < 10; wake++) {
      await clock.advance(Math.floor(waitMs / 20));
      await of(lookedAt(stream, 1));
    }
    expect(asked).toHaveLength(before);
  });

  it('are asked for by a changed tag and by a request for an import', async () => {
    const { clock, asked, of } = await setUp(() => refused);
    const stream = greedy('web', 2);
    await of(stream);
    await clock.advance(1_000);
    await of(lookedAt(stream, 1));
    expect(asked).toHaveLength(2);
    const changed = {
      ...lookedAt(stream, 1),
      spec: { tags: [foreignTag('t0', 'web-1'), foreignTag('t1', 'web-1')] },
    };
    await of(changed);
    expect(asked.slice(2)).toEqual(['web-1']);
    await clock.advance(1_000);
    const annotations = { [importRequestedAnnotation]: 'now' };
    const waiting = lookedAt(stream, 1);
    await of({ ...waiting, metadata: { ...waiting.metadata, annotations } });
    expect(asked.slice(3).sort()).toEqual(['web-0', 'web-1']);
    // What has its image asks for nothing.
    await clock.advance(60_000);
    await of(lookedAt(stream, 0));
    expect(asked).toHaveLength(5);
  });
});

describe('a source that nobody answers about', () => {
  it('is not there for now, and the others are', async () => {
    const own = streamOf([], [], { name: 'own' });
    const base = streamOf([], [], { namespace: 'base', name: 'base' });
    const { clock, of } = await setUp(
      (stream) => (stream === 'broken' ? { status: 500, body: { message: 'no' } } : allowed),
      [own, base],
    );
    const web = streamOf([linkTag('own', 'own:1'), foreignTag('bad', 'broken'), foreignTag('good', 'base')]);
    const first = await of(web);
    expect(first.streams({ namespace: 'apps', stream: 'web' })).toBe(web);
    expect(first.streams({ namespace: 'apps', stream: 'own' })).toBe(own);
    expect(first.streams({ namespace: 'base', stream: 'broken' })).toBeUndefined();
    expect(first.recheckAfterMs).toBeLessThan(6_000);
    await clock.advance(first.recheckAfterMs ?? 0);
    const second = await of(lookedAt(web, 1));
    expect(second.streams({ namespace: 'base', stream: 'base' })).toBe(base);
  });
});
