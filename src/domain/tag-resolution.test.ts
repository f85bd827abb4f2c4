import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { dockerImageRepositoryOf, resolvePullSpec } from './tag-resolution.ts';

const registry = 'reg.example:5000';
const pulled = (digit: string): string => `r.example/app@${digest(digit)}`;

describe('the pull spec of a tag', () => {
  const source = dockerTag('latest', 'r.example/app:1');
  const local: TagReference = { ...source, referencePolicy: { type: 'Local' } };
  const items = [itemOf('a'), itemOf('b')];
  const history = [{ tag: 'latest', items }];
  const failing = [
    {
      tag: 'latest',
      items,
      conditions: [{ type: 'ImportSuccess', status: 'False' as const, generation: 9 }],
    },
  ];
  const recorded = [
    { tag: 'latest', items: [itemOf('a', { image: '', dockerImageReference: 'r.example/app:1' })] },
  ];
  const inCluster = `${registry}/apps/web@${digest('a')}`;
  it.each<{
    name: string;
    stream: ImageStream | undefined;
    localRegistry?: string;
    want: string | undefined;
  }>([
    { name: 'is that of its newest image', stream: streamOf([source], history), want: pulled('a') },
    {
      name: 'is that of its newest image, though it fails',
      stream: streamOf([source], failing),
      want: pulled('a'),
    },
    {
      name: 'is that of a tag that only the history has',
      stream: streamOf([], history),
      localRegistry: registry,
      want: pulled('a'),
    },
    {
      name: 'is that of its source where nothing else is asked for',
      stream: streamOf([source], history),
      localRegistry: registry,
      want: pulled('a'),
    },
    {
      name: 'is that of its source where that is asked for',
      stream: streamOf([{ ...source, referencePolicy: { type: 'Source' } }], history),
      localRegistry: registry,
      want: pulled('a'),
    },
    {
      name: 'is that of its source where the policy is empty',
      stream: streamOf([{ ...source, referencePolicy: { type: '' } }], history),
      localRegistry: registry,
      want: pulled('a'),
    },
    {
      name: "names the cluster's registry where that is asked for",
      stream: streamOf([local], history),
      localRegistry: registry,
      want: inCluster,
    },
    {
      name: 'is that of its source where the cluster has no registry',
      stream: streamOf([local], history),
      want: pulled('a'),
    },
    {
      name: 'has no other policy than its own',
      stream: streamOf([source, { ...local, name: 'other' }], history),
      localRegistry: registry,
      want: pulled('a'),
    },
    {
      name: 'is as it was recorded where there is no image',
      stream: streamOf([local], recorded),
      localRegistry: registry,
      want: 'r.example/app:1',
    },
    { name: 'is nothing before there is an image', stream: streamOf([source]), want: undefined },
    {
      name: 'is nothing where the history is empty',
      stream: streamOf([source], [{ tag: 'latest', items: [] }]),
      want: undefined,
    },
    {
      name: 'is nothing where another tag has an image',
      stream: streamOf([source], [{ tag: 'other', items }]),
      want: undefined,
    },
    { name: 'is nothing where there is no stream', stream: undefined, want: undefined },
  ])('$name', ({ stream, localRegistry, want }) => {
    expect(resolvePullSpec(stream, 'latest', localRegistry)).toBe(want);
  });
});

describe('the repository of a stream', () => {
  const whole: ImageStream = { ...streamOf([]), spec: { dockerImageRepository: 'r.example/app' } };
  const { spec: _, ...bare } = streamOf([]);
  it.each([
    {
      name: "is its place in the cluster's registry",
      stream: whole,
      localRegistry: registry,
      want: `${registry}/apps/web`,
    },
    {
      name: 'is what it stands for without such a registry',
      stream: whole,
      localRegistry: undefined,
      want: 'r.example/app',
    },
    {
      name: 'is nowhere when it stands for nothing',
      stream: streamOf([]),
      localRegistry: undefined,
      want: '',
    },
    { name: 'is nowhere without a spec', stream: bare, localRegistry: undefined, want: '' },
  ])('$name', ({ stream, localRegistry, want }) => {
    expect(dockerImageRepositoryOf(stream, localRegistry)).toBe(want);
  });
});
