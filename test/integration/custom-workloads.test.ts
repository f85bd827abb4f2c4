// Triggers on kinds that an administrator names: with a resource of the test, in the shape of an Argo Rollout.
import { expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { useOwnCluster } from '../support/own-cluster.ts';
import { type KubeObject, resource } from '../support/resources.ts';
import { triggers } from '../support/scenario.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const own = useOwnCluster();

const group = 'rollouts.example.test';
const definitions = resource<KubeObject & { readonly spec: unknown }>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
);
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** A kind whose objects have any spec. */
function definitionOf(kind: string) {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: open } } };
  return {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, singular, kind, listKind: `${kind}List` },
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema }],
    },
  };
}

type Rollout = KubeObject & {
  readonly spec: {
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
    };
  };
};
type Build = KubeObject & {
  readonly spec: {
    readonly paramValues: readonly { readonly name: string; readonly value: string }[];
    readonly source: object;
  };
};
const builds = resource<Build>(`${group}/v1alpha1`, 'Build', 'builds');
const rollouts = resource<Rollout>(`${group}/v1alpha1`, 'Rollout', 'rollouts');

it('serves a kind that is named, also when it comes into the cluster later, and goes on when it is taken away', async () => {
  const scenario = await startTestScenario(own.view);
  const { namespace } = scenario;
  const { kube } = own.view;
  const kinds = `rollouts.v1alpha1.${group}=spec.template.spec`;
  const operator = await startTestOperator(own.cluster.kubeconfigPath, ['--workload-kinds', kinds]);
  const definition = definitionOf('Rollout');
  await kube.create(definitions, definition);

  const first = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  const from = { kind: 'ImageStreamTag', name: 'web:latest' };
  const fieldPath = 'spec.template.spec.containers[?(@.name=="web")].image';
  const containers = [
    { name: 'side', image: 'example.test/side:1', args: ['keep'] },
    { name: 'web', image: ' ', args: ['me'] },
  ];
  const create = (rollout: string, annotations: object): Promise<Rollout> =>
    eventually(
      () =>
        kube
          .create(rollouts, {
            metadata: {
              namespace,
              name: rollout,
              annotations: { ...triggers({ from, fieldPath }), ...annotations },
            },
            spec: { template: { spec: { containers } } },
          })
          .catch(() => false as const),
      { what: 'the new kind to be served' },
    );
  await create('web', {});
  await create('quiet', { 'imagestream-operator/mode': 'annotate' });
  const has = (digest: string): Promise<Rollout> =>
    eventually(
      async () => {
        const rollout = await kube.get(rollouts, { namespace, name: 'web' });
        return rollout.spec.template.spec.containers[1]?.image === scenario.pinned(digest) && rollout;
      },
      { what: `the Rollout to have ${digest}`, timeoutMs: 40_000 },
    );
  const { spec } = await has(first.digest);
  expect(spec.template.spec.containers).toEqual([
    containers[0],
    { ...containers[1], image: scenario.pinned(first.digest) },
  ]);
  expect(await scenario.event('web', 'ImageUpdated')).toContain('container web now runs web:latest');
  const quiet = await kube.get(rollouts, { namespace, name: 'quiet' });
  expect(quiet.spec.template.spec.containers).toEqual(containers);
  expect(quiet.spec.template.metadata?.annotations?.['imagestream-operator/images']).toContain(first.digest);

  // What the operator's patch relies on: with another version in it, it is a conflict and not a write.
  await expect(
    kube.patch(rollouts, { namespace, name: 'web', patchType: 'json' }, [
      { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
      { op: 'add', path: '/spec/template/spec/containers/1/image', value: 'example.test/other:1' },
    ]),
  ).rejects.toMatchObject({ status: 409 });

  const second = await scenario.push('latest', 'second');
  await scenario.requestImport('web');
  await has(second.digest);
  await kube.delete(definitions, { name: definition.metadata.name });
  const third = await scenario.push('latest', 'third');
  await scenario.requestImport('web');
  await scenario.tagHas('web', 'latest', third.digest);
  expect(operator.logs.map(({ msg }) => msg)).not.toContain('reconcile failed, it is tried again');
});

it('serves a kind that has an image in a list of parameters instead of a pod spec', async () => {
  const scenario = await startTestScenario(own.view);
  const { namespace } = scenario;
  const { kube } = own.view;
  const path = 'spec.paramValues[?(@.name=="builder-image")].value';
  const definition = definitionOf('Build');
  await kube.create(definitions, definition);
  await startTestOperator(own.cluster.kubeconfigPath, [
    '--workload-kinds',
    `builds.v1alpha1.${group}=${path}`,
  ]);
  const pushed = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  const annotations = triggers({ from: { kind: 'ImageStreamTag', name: 'web:latest' }, fieldPath: path });
  const others = [{ name: 'go-version', value: '1' }];
  const create = (build: string, more: object, paramValues: Build['spec']['paramValues']) =>
    kube.create(builds, {
      metadata: { namespace, name: build, annotations: { ...annotations, ...more } },
      spec: { paramValues, source: { type: 'Git' } },
    });
  await eventually(
    () =>
      create('web', {}, [...others, { name: 'builder-image', value: 'placeholder' }]).catch(
        () => false as const,
      ),
    {
      what: 'the new kind to be served',
    },
  );
  await create('without', {}, others);
  await create('annotated', { 'imagestream-operator/mode': 'annotate' }, [
    { name: 'builder-image', value: 'x' },
  ]);

  const built = await eventually(
    async () => {
      const build = await kube.get(builds, { namespace, name: 'web' });
      return build.spec.paramValues[1]?.value === scenario.pinned(pushed.digest) && build;
    },
    { what: 'the Build to have the image' },
  );
  expect(built.spec).toEqual({
    paramValues: [...others, { name: 'builder-image', value: scenario.pinned(pushed.digest) }],
    source: { type: 'Git' },
  });
  expect(await scenario.event('without', 'InvalidTrigger')).toContain(`no text there: ${path}`);
  expect(await scenario.event('annotated', 'InvalidTrigger')).toContain('no pod template to annotate');
});
