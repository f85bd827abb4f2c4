// Streams that are nearly as large as etcd takes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { imageStreams } from '../support/resources.ts';
import { tagOf } from '../support/stream-waits.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

let cluster: SharedCluster;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());

const tags = 90;
const itemsOfTag = 55;

describe('a stream with histories that leave no room', () => {
  it('drops their oldest images, keeps the newest, says so, and goes on', async () => {
    const scenario = await startTestScenario(cluster);
    const { namespace } = scenario;
    await scenario.createTags('large', []);
    const digestOf = (tag: number, item: number): string =>
      `sha256:${tag.toString(16).padStart(4, '0')}${item.toString(16).padStart(60, '0')}`;
    const history = Array.from({ length: tags }, (_, tag) => ({
      tag: `t${tag}`,
      items: Array.from({ length: itemsOfTag }, (_item, item) => ({
        created: '2026-01-01T00:00:00Z',
        // Nobody asks this registry for anything: the port is closed.
        dockerImageReference: `127.0.0.1:9/a/repository/of/some/depth@${digestOf(tag, item)}`,
        image: digestOf(tag, item),
        generation: 1,
      })),
    }));
    const status = { tags: history };
    expect(JSON.stringify(status).length).toBeGreaterThan(1_300_000);
    await cluster.kube.patch(imageStreams, { namespace, name: 'large', subresource: 'status' }, { status });

    const image = await scenario.push('1', 'first');
    await scenario.setTags('large', [scenario.dockerTag('fresh', '1')]);
    await scenario.tagHas('large', 'fresh', image.digest);
    const stream = await scenario.stream('large');
    expect(stream.status?.conditions).toMatchObject([
      { type: 'Ready', status: 'True' },
      { type: 'HistoryTrimmed', status: 'True', reason: 'TooLarge' },
    ]);
    const kept = tagOf(stream, 't7')?.items ?? [];
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.length).toBeLessThan(itemsOfTag);
    expect(kept.map(({ image: digest }) => digest)).toEqual(kept.map((_, item) => digestOf(7, item)));
    expect(stream.status?.tags).toHaveLength(tags + 1);
  });
});
