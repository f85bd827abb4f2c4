import { expect, it } from 'vitest';
import { workloadOf } from '../../test/support/builders.ts';
import { triggersAnnotation } from '../api/annotations.ts';
import type { KubeObject } from '../api/resources.ts';
import { imagesPatch, keepTriggered, workloadKinds } from './workloads.ts';

const [deployments] = workloadKinds;

function deployment(metadata: object, podSpec: unknown = {}): KubeObject & { spec: unknown } {
  const template = { spec: podSpec };
  return { metadata: { namespace: 'apps', name: 'web', ...metadata }, spec: { template } };
}

it.each([
  { name: 'without triggers', object: deployment({}) },
  {
    name: 'that is being deleted',
    object: deployment({ annotations: { [triggersAnnotation]: '[]' }, deletionTimestamp: 'now' }),
  },
])('keeps nothing of a workload $name', ({ object }) => {
  if (deployments === undefined) throw new Error('there is no kind');
  expect(keepTriggered(deployments, object)).toBeUndefined();
});

it('keeps the annotation and the images of the others, whatever their shape', () => {
  if (deployments === undefined) throw new Error('there is no kind');
  const annotations = { [triggersAnnotation]: '[]' };
  const podSpec = { containers: [{ name: 'web', image: 'a' }, { name: 'side' }, 7], initContainers: 'none' };
  expect(
    keepTriggered(deployments, deployment({ annotations, uid: 'u', resourceVersion: '3' }, podSpec)),
  ).toEqual({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace: 'apps',
    name: 'web',
    uid: 'u',
    resourceVersion: '3',
    triggers: '[]',
    podSpecPath: 'spec.template.spec',
    containers: [
      { name: 'web', image: 'a' },
      { name: 'side', image: '' },
      { name: '', image: '' },
    ],
    initContainers: [],
  });
});

it('patches the images that move and nothing else, guarded', () => {
  const images = new Map([
    ['containers/web', 'r/app@sha256:1'],
    ['initContainers/setup', 'r/app@sha256:1'],
    ['containers/side', 'r/side@sha256:2'],
  ]);
  expect(imagesPatch(workloadOf([]), images)).toEqual({
    metadata: { uid: 'u2', resourceVersion: '9' },
    spec: {
      template: {
        spec: {
          containers: [
            { name: 'web', image: 'r/app@sha256:1' },
            { name: 'side', image: 'r/side@sha256:2' },
          ],
          initContainers: [{ name: 'setup', image: 'r/app@sha256:1' }],
        },
      },
    },
  });
});
