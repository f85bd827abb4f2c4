import { describe, expect, it } from 'vitest';
import { digest } from '../../test/support/builders.ts';
import { FakeClock, settle } from '../../test/support/fake-clock.ts';
import type { JsonObject } from '../api/json.ts';
import type { Look, RegistryLooks, SeenImages } from '../controllers/registry-looks.ts';
import { importItems } from '../domain/stream-import.ts';
import { type ImportRequest, readStreamImport } from '../domain/stream-import-request.ts';
import { AnswerRooms } from './answer-rooms.ts';
import { Deadline } from './deadline.ts';
import { ImportLooks } from './import-looks.ts';

function requestOf(spec: object): ImportRequest {
  const sent = readStreamImport(
    { metadata: { name: 'web' }, spec },
    { namespace: 'shop', importMode: 'Legacy' },
  );
  if (sent.kind !== 'request') throw new Error(JSON.stringify(sent));
  return sent.request;
}

const source = (name: string): object => ({ from: { kind: 'DockerImage', name } });

const seen: Look<SeenImages> = {
  kind: 'found',
  value: {
    digest: digest('a'),
    image: {
      image: {
        apiVersion: 'image.openshift.io/v1crd',
        kind: 'Image',
        metadata: { name: digest('a').replace(':', '-') },
        dockerImageReference: `a@${digest('a')}`,
      },
      texts: undefined,
    },
    members: [],
    length: 100,
  },
};

interface Played {
  readonly image?: RegistryLooks['image'];
  readonly tags?: RegistryLooks['tags'];
  readonly room?: number;
}

function setUp({
  image = async () => seen,
  tags = async () => ({ kind: 'too long' }),
  room = 1_000,
}: Played) {
  const clock = new FakeClock();
  const client = new AbortController();
  const deadline = new Deadline({ clock, timeMs: 50_000, client: client.signal });
  const platform = { os: 'linux', architecture: 'amd64' };
  const looks = new ImportLooks({ looks: { image, tags }, platform, repositoryTagLimit: 2 });
  const context = {
    namespace: 'apps',
    stream: undefined,
    deadline,
    room: new AnswerRooms({ free: room, max: room, large: 1 }).open('apps', client.signal),
  };
  const look = async (names: readonly string[]): Promise<readonly JsonObject[]> => {
    const { images } = importItems(requestOf({ images: names.map(source) }), []);
    const shown = await looks.images(images, context);
    return images.map((item) => shown.get(item) ?? {});
  };
  const list = () => {
    const { repository } = requestOf({ repository: source('r.test/a') });
    if (repository === undefined) throw new Error('no repository');
    return looks.list(repository, context);
  };
  return { clock, client, look, list };
}

const never = (): Promise<never> => new Promise(() => undefined);

describe('images', () => {
  it('are looked up a few at a time, each question once', async () => {
    const waiting: (() => void)[] = [];
    const asked: string[] = [];
    const image: RegistryLooks['image'] = async ({ reference }) => {
      asked.push(reference.repository);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return seen;
    };
    const names = ['r.test/a:1', 'r.test/a:1', 'r.test/b:1', 'r.test/c:1', 'r.test/d:1', 'r.test/e:1'];
    const shown = setUp({ image }).look(names);
    await settle();
    expect(asked).toEqual(['a', 'b', 'c', 'd']);
    while (waiting.length > 0) {
      waiting.shift()?.();
      await settle();
    }
    expect(asked).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect((await shown).map(({ status }) => status)).toEqual(
      names.map(() => ({ metadata: {}, status: 'Success' })),
    );
  });

  it('without an answer in time fail alone', async () => {
    const image: RegistryLooks['image'] = ({ reference }) =>
      reference.repository === 'slow' ? never() : Promise.resolve(seen);
    const { clock, look } = setUp({ image });
    const shown = look(['r.test/slow:1', 'r.test/a:1']);
    await clock.advance(50_000);
    expect(await shown).toMatchObject([
      { tag: '1', status: { reason: 'Timeout', message: 'no answer within 50 seconds' } },
      { tag: '1', status: { status: 'Success' } },
    ]);
  });

  it('are not waited for when the client is gone', async () => {
    const { client, look } = setUp({ image: never });
    const shown = look(['r.test/slow:1']);
    client.abort(new Error('the client is gone'));
    await expect(shown).rejects.toThrow('the client is gone');
  });

  it('take their room each time that they are shown', async () => {
    const { look } = setUp({ room: 150 });
    expect(await look(['r.test/a:1', 'r.test/a:1', 'r.test/a:1'])).toMatchObject([
      { status: { status: 'Success' } },
      { status: { status: 'Success' } },
      { status: { reason: 'RequestEntityTooLarge', code: 413 } },
    ]);
  });
});

describe('a repository', () => {
  const found: RegistryLooks['tags'] = async () => ({ kind: 'found', value: ['b', '1.0', 'latest', 'a'] });

  it('has the tags that matter most, and names the others', async () => {
    expect(await setUp({ tags: found }).list()).toEqual({
      tags: ['latest', '1.0'],
      additionalTags: ['a', 'b'],
    });
  });

  it('that does not answer in time is late', async () => {
    const { clock, list } = setUp({ tags: never });
    const listing = list();
    await clock.advance(50_000);
    expect(await listing).toMatchObject({ status: { reason: 'Timeout', code: 504 } });
  });
});
