import { expect, it } from 'vitest';
import { imageManagers } from './image-managers.ts';
import type { ImageMove } from './trigger-plan.ts';

const source = { namespace: 'apps', stream: 'web', tag: '1' };
const moves: readonly ImageMove[] = [{ list: 'containers', container: 'web', from: 'a', to: 'b', source }];

const podTemplate = (template: object) => ({ 'f:spec': { 'f:template': template } });
const image = (container: string) =>
  podTemplate({
    'f:spec': { 'f:containers': { [`k:{"name":"${container}"}`]: { 'f:image': {}, 'f:env': {} } } },
  });
const annotation = podTemplate({
  'f:metadata': { 'f:annotations': { 'f:imagestream-operator/images': {} } },
});
const by = (manager: string, fieldsV1: unknown) => ({ manager, operation: 'Update', fieldsV1 });

it.each([
  {
    name: 'the one that has the image of the container',
    managedFields: [by('helm', image('sidecar')), by('argocd', image('web')), by('kubectl', podTemplate({}))],
    want: ['argocd'],
  },
  { name: 'not the operator', managedFields: [by('imagestream-operator', image('web'))], want: [] },
  {
    name: 'three of many',
    managedFields: ['a', 'b', 'c', 'd'].map((manager) => by(manager, image('web'))),
    want: ['a', 'b', 'c'],
  },
  { name: 'nobody, of what is no list', managedFields: 'x', want: [] },
  { name: 'nobody, of odd entries', managedFields: [null, by('x', null), { manager: 7 }], want: [] },
])('finds $name', ({ managedFields, want }) => {
  expect(imageManagers(managedFields, { mode: 'digest', moves, isCustom: false })).toEqual(want);
});

it('finds who has the annotation with the mode annotate', () => {
  const managedFields = [by('argocd', image('web')), by('flux', annotation)];
  expect(imageManagers(managedFields, { mode: 'annotate', moves, isCustom: false })).toEqual(['flux']);
});

it('finds who has any image of a custom resource', () => {
  const managedFields = [by('argocd', { 'f:spec': { 'f:builder': { 'f:image': {} } } })];
  expect(imageManagers(managedFields, { mode: 'digest', moves, isCustom: true })).toEqual(['argocd']);
  expect(imageManagers(managedFields, { mode: 'digest', moves, isCustom: false })).toEqual([]);
});
