// Every kind of workload that triggers serve.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { type KubeObject, type ResourceType, resource } from '../support/resources.ts';
import { triggers } from '../support/scenario.ts';
import { startTestScenario } from '../support/test-lifetime.ts';

let cluster: SharedCluster;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());

const labels = { app: 'web' };
const podTemplate = {
  metadata: { labels },
  spec: {
    initContainers: [{ name: 'init', image: ' ' }],
    containers: [
      { name: 'web', image: ' ' },
      { name: 'sidecar', image: 'example.test/sidecar:1' },
    ],
  },
};
const selector = { matchLabels: labels };
const jobTemplate = {
  spec: { template: { ...podTemplate, spec: { ...podTemplate.spec, restartPolicy: 'Never' } } },
};

type AnyWorkload = KubeObject & { readonly spec: Readonly<Record<string, unknown>> };

const kinds: readonly {
  readonly type: ResourceType<AnyWorkload>;
  readonly podSpec: string;
  readonly spec: Readonly<Record<string, unknown>>;
}[] = [
  {
    type: resource('apps/v1', 'StatefulSet', 'statefulsets'),
    podSpec: 'spec.template.spec',
    spec: { serviceName: 'web', selector, template: podTemplate },
  },
  {
    type: resource('apps/v1', 'DaemonSet', 'daemonsets'),
    podSpec: 'spec.template.spec',
    spec: { selector, template: podTemplate },
  },
  {
    type: resource('batch/v1', 'CronJob', 'cronjobs'),
    podSpec: 'spec.jobTemplate.spec.template.spec',
    spec: { schedule: '0 0 1 1 *', jobTemplate },
  },
];

describe.each(kinds)('a $type.kind', ({ type, podSpec, spec }) => {
  it('gets the images of its triggers, and the next ones, and nothing else of it changes', async () => {
    const scenario = await startTestScenario(cluster);
    const { namespace } = scenario;
    const first = await scenario.push('latest', 'first');
    await scenario.createStream('web', ['latest']);
    const entry = (path: string): object => ({
      from: { kind: 'ImageStreamTag', name: 'web:latest' },
      fieldPath: `${podSpec}.${path}.image`,
    });
    const annotations = triggers(entry('containers[?(@.name=="web")]'), entry('initContainers[0]'));
    const created = await cluster.kube.create(type, {
      metadata: { namespace, name: 'web', annotations },
      spec,
    });
    const has = async (digest: string): Promise<AnyWorkload> =>
      eventually(
        async () => {
          const workload = await cluster.kube.get(type, { namespace, name: 'web' });
          const text = JSON.stringify(workload.spec);
          return text.split(`"image":"${scenario.pinned(digest)}"`).length === 3 && workload;
        },
        { what: `the ${type.kind} to have ${digest} twice` },
      );
    const moved = await has(first.digest);
    const blank = JSON.parse(
      JSON.stringify(moved.spec).replaceAll(`"image":"${scenario.pinned(first.digest)}"`, '"image":" "'),
    ) as unknown;
    expect(blank).toEqual(created.spec);
    expect(moved.metadata.generation).toBe(2);

    const second = await scenario.push('latest', 'second');
    await scenario.requestImport('web');
    expect((await has(second.digest)).metadata.generation).toBe(3);
    expect(await scenario.event('web', 'ImageUpdated')).toContain('now runs web:latest');
  });
});
