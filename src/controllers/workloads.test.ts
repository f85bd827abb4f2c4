import { describe, expect, it } from 'vitest';
import { workloadOf } from '../../test/support/builders.ts';
import { holdAnnotation, imagesAnnotation, modeAnnotation, triggersAnnotation } from '../api/annotations.ts';
import type { KubeObject } from '../api/resources.ts';
import type { ImageMove } from '../domain/trigger-plan.ts';
import { keepTriggered, movesPatch, workloadKinds } from './workloads.ts';

const [deployments] = workloadKinds;

function deployment(
  metadata: object,
  podSpec: unknown = {},
  templateMetadata: unknown = {},
): KubeObject & { spec: unknown } {
  const template = { metadata: templateMetadata, spec: podSpec };
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
    mode: undefined,
    hold: undefined,
    templateImages: undefined,
    containers: [
      { name: 'web', image: 'a' },
      { name: 'side', image: '' },
      { name: '', image: '' },
    ],
    initContainers: [],
  });
});

it('keeps what else the annotations say, on the workload and on its template', () => {
  if (deployments === undefined) throw new Error('there is no kind');
  const annotations = { [triggersAnnotation]: '[]', [modeAnnotation]: 'annotate', [holdAnnotation]: '' };
  const template = { annotations: { [imagesAnnotation]: '{}' } };
  expect(keepTriggered(deployments, deployment({ annotations }, {}, template))).toMatchObject({
    mode: 'annotate',
    hold: '',
    templateImages: '{}',
  });
});

const source = { namespace: 'apps', stream: 'web', tag: '1' };
const moves: readonly ImageMove[] = [
  { list: 'containers', container: 'web', from: ' ', to: 'r/app@sha256:1', source },
  { list: 'initContainers', container: 'setup', from: ' ', to: 'r/app@sha256:1', source },
  { list: 'containers', container: 'side', from: ' ', to: 'r/side@sha256:2', source },
];
const builtIn = { isCustom: false };
const metadata = { uid: 'u2', resourceVersion: '9' };

it('patches the images that move and nothing else, guarded', () => {
  expect(movesPatch(builtIn, workloadOf([]), { mode: 'digest', moves })?.document).toEqual({
    metadata,
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

it.each([
  { podSpecPath: 'spec.template.spec', wrap: (template: object) => ({ template }) },
  {
    podSpecPath: 'spec.jobTemplate.spec.template.spec',
    wrap: (template: object) => ({ jobTemplate: { spec: { template } } }),
  },
])('patches an annotation of the template beside $podSpecPath', ({ podSpecPath, wrap }) => {
  const workload = workloadOf([], { podSpecPath, templateImages: '{"web":"old","other":"stays"}' });
  const text = '{"other":"stays","setup":"r/app@sha256:1","side":"r/side@sha256:2","web":"r/app@sha256:1"}';
  expect(movesPatch(builtIn, workload, { mode: 'annotate', moves })?.document).toEqual({
    metadata,
    spec: wrap({ metadata: { annotations: { [imagesAnnotation]: text } } }),
  });
});

it('writes nothing where moves are only reported', () => {
  expect(movesPatch(builtIn, workloadOf([]), { mode: 'report', moves })).toBeUndefined();
});

describe('of a custom resource', () => {
  const custom = { isCustom: true };
  const workload = workloadOf([], {
    containers: [
      { name: 'side', image: ' ' },
      { name: 'web', image: ' ' },
    ],
    initContainers: [{ name: 'setup', image: ' ' }],
  });

  it('images are patched at their places, guarded', () => {
    const base = '/spec/template/spec';
    expect(movesPatch(custom, workload, { mode: 'digest', moves })).toEqual({
      type: 'json',
      document: [
        { op: 'replace', path: '/metadata/resourceVersion', value: '9' },
        { op: 'add', path: `${base}/containers/1/image`, value: 'r/app@sha256:1' },
        { op: 'add', path: `${base}/initContainers/0/image`, value: 'r/app@sha256:1' },
        { op: 'add', path: `${base}/containers/0/image`, value: 'r/side@sha256:2' },
      ],
    });
  });

  it('the annotation is merged', () => {
    expect(movesPatch(custom, workload, { mode: 'annotate', moves })?.type).toBe('merge');
  });
});
