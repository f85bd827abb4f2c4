import { describe, expect, it } from 'vitest';
import { workloadOf } from '../../test/support/builders.ts';
import type { KubeObject } from '../api/resources.ts';
import type { JobState } from '../api/workload.ts';
import {
  hasMoves,
  jobStateOf,
  jobWith,
  movesAgain,
  ownersJob,
  parseReplacement,
  waitsForImage,
  withJobPolicy,
} from './job-replacement.ts';
import { type ImageMove, planTriggers, type TriggerMode } from './trigger-plan.ts';

const image = 'r.example/app@sha256:1';
const triggers = [
  { from: { kind: 'ImageStreamTag', name: 'web:1' }, fieldPath: 'spec.template.spec.containers[0].image' },
];
const state: JobState = { policy: undefined, phase: 'active', isDeleting: false };

function jobOf(
  more: Readonly<Record<string, unknown>>,
  metadata: Partial<KubeObject['metadata']> = {},
): KubeObject {
  return { metadata: { namespace: 'apps', name: 'work', ...metadata }, ...more };
}

const condition = (type: string, status = 'True') => ({ type, status });

describe('the state of a Job', () => {
  it.each([
    { name: 'has just been created', spec: {}, status: {}, phase: 'active' },
    { name: 'runs', spec: {}, status: { active: 1, startTime: 'now' }, phase: 'active' },
    {
      name: 'has ended well',
      spec: {},
      status: { succeeded: 1, conditions: [condition('Complete')] },
      phase: 'finished',
    },
    {
      name: 'has failed',
      spec: {},
      status: { failed: 1, conditions: [condition('Failed')] },
      phase: 'finished',
    },
    {
      name: 'is about to fail',
      spec: {},
      status: { conditions: [condition('FailureTarget')] },
      phase: 'active',
    },
    {
      name: 'does not say so',
      spec: {},
      status: { conditions: [condition('Complete', 'False')] },
      phase: 'active',
    },
    { name: 'was suspended from the beginning', spec: { suspend: true }, status: {}, phase: 'idle' },
    {
      name: 'was suspended with work done',
      spec: { suspend: true },
      status: { succeeded: 2 },
      phase: 'active',
    },
    { name: 'is being suspended', spec: { suspend: true }, status: { terminating: 1 }, phase: 'active' },
    { name: 'has nonsense for a status', spec: 7, status: { conditions: 'x', active: '1' }, phase: 'active' },
  ])('is $phase when it $name', ({ spec, status, phase }) => {
    expect(jobStateOf(jobOf({ spec, status }))).toEqual({ policy: undefined, phase, isDeleting: false });
  });

  it('has its policy, and whether it goes', () => {
    const annotations = { 'imagestream-operator/job-policy': 'Always' };
    const metadata = { annotations, deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(jobStateOf(jobOf({ spec: {} }, metadata))).toMatchObject({ policy: 'Always', isDeleting: true });
  });
});

describe('the policy', () => {
  const planOf = (job: JobState | undefined, { image: present = 'a.example/b:1', mode = 'digest' } = {}) => {
    const workload = workloadOf(triggers, {
      containers: [{ name: 'web', image: present }],
      mode,
      ...(job === undefined ? {} : { job }),
    });
    return withJobPolicy(
      planTriggers(workload, () => image),
      workload,
    );
  };

  it.each<{ policy: string | undefined; phase: JobState['phase']; moves: number; waits?: boolean }>([
    { policy: undefined, phase: 'active', moves: 0, waits: true },
    { policy: undefined, phase: 'finished', moves: 1 },
    { policy: undefined, phase: 'idle', moves: 1 },
    { policy: 'WhenFinished', phase: 'active', moves: 0, waits: true },
    { policy: 'Always', phase: 'active', moves: 1 },
    { policy: 'Never', phase: 'finished', moves: 0 },
    { policy: 'always', phase: 'finished', moves: 0 },
  ])('$policy of a Job that is $phase', ({ policy, phase, moves, waits = false }) => {
    const plan = planOf({ ...state, policy, phase });
    expect(plan.moves).toHaveLength(moves);
    expect(plan.postponed).toHaveLength(waits ? 1 : 0);
  });

  it('that does not exist is a problem, once there is something to do', () => {
    const job = { ...state, policy: 'x'.repeat(10_000) };
    expect(planOf(job).problems).toEqual([expect.stringContaining('must be WhenFinished, Always or Never')]);
    expect(planOf(job).problems.join('').length).toBeLessThan(300);
    expect(planOf(job, { image }).problems).toEqual([]);
  });

  it.each([' ', '', 'placeholder'])('does not wait for pods that cannot run: image "%s"', (present) => {
    expect(planOf(state, { image: present }).moves).toHaveLength(1);
  });

  it('does not keep a report back', () => {
    expect(planOf(state, { mode: 'report' }).moves).toHaveLength(1);
  });

  it('is for Jobs only', () => {
    expect(planOf(undefined).moves).toHaveLength(1);
  });
});

describe('what the owner of a Job had written', () => {
  const podLabels = { app: 'a', 'job-name': 'work', 'batch.kubernetes.io/controller-uid': 'u' };
  const template = {
    metadata: { labels: podLabels, annotations: { a: 'b' } },
    spec: { containers: [{ name: 'web' }] },
  };
  const selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } };

  it('is without what the API server added', () => {
    const metadata = {
      uid: 'u',
      resourceVersion: '7',
      generation: 3,
      creationTimestamp: 'then',
      managedFields: [],
      finalizers: ['foregroundDeletion'],
      labels: { team: 'a', 'controller-uid': 'u' },
      annotations: { note: 'kept', 'batch.kubernetes.io/job-tracking': '' },
    };
    const job = jobOf({ spec: { backoffLimit: 3, selector, template }, status: { active: 1 } }, metadata);
    expect(ownersJob(job)).toEqual({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { namespace: 'apps', name: 'work', labels: { team: 'a' }, annotations: { note: 'kept' } },
      spec: {
        backoffLimit: 3,
        template: { ...template, metadata: { ...template.metadata, labels: { app: 'a' } } },
      },
    });
  });

  it('has its own selector and labels when it says so, and its owners', () => {
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'o' }];
    const job = jobOf({ spec: { manualSelector: true, selector, template } }, { ownerReferences });
    expect(ownersJob(job)).toMatchObject({
      metadata: { ownerReferences },
      spec: { manualSelector: true, selector, template: { metadata: { labels: podLabels } } },
    });
  });

  it('is something also of what is no Job', () => {
    expect(ownersJob(jobOf({ spec: 'x' }))).toMatchObject({ spec: { template: {} } });
  });
});

describe('a Job with other images', () => {
  const containers = (present: string) => [
    { name: 'web', image: present, args: ['a'] },
    { name: 'other', image: 'o' },
  ];
  const written = (present: string, more: object = {}): KubeObject =>
    jobOf({
      spec: { ...more, template: { spec: { containers: containers(present), restartPolicy: 'Never' } } },
    });
  const move = (from: string): ImageMove => ({
    list: 'containers',
    container: 'web',
    from,
    to: image,
    source: { namespace: 'apps', stream: 'web', tag: '1' },
  });
  const made = (
    present: string,
    { suspend, mode = 'digest' }: { suspend?: boolean; mode?: TriggerMode } = {},
  ) =>
    jobWith(
      written(present, suspend === undefined ? {} : { suspend }),
      workloadOf(triggers, { containers: containers(present) }),
      { mode, moves: [move(present)] },
    ) as KubeObject & { readonly spec: { readonly suspend?: boolean; readonly template: object } };

  it('has them, and nothing else of it changes', () => {
    expect(made('a.example/b:1')).toEqual(written(image));
  });

  it.each([
    { present: ' ', suspend: true, after: false },
    { present: 'placeholder', suspend: true, after: false },
    { present: 'a.example/b:1', suspend: true, after: true },
    { present: 'a.example/b:1', suspend: false, after: false },
  ])('that had "$present" and suspend $suspend has suspend $after', ({ present, suspend, after }) => {
    expect(made(present, { suspend }).spec.suspend).toBe(after);
  });

  it('is not started as long as another container has a placeholder', () => {
    const present = [
      { name: 'web', image: ' ' },
      { name: 'other', image: ' ' },
    ];
    const job = jobOf({ spec: { suspend: true, template: { spec: { containers: present } } } });
    const workload = workloadOf(triggers, { containers: present });
    expect(jobWith(job, workload, { mode: 'digest', moves: [move(' ')] })).toMatchObject({
      spec: { suspend: true, template: { spec: { containers: [{ image }, { image: ' ' }] } } },
    });
  });

  it('has them in the annotation of its template with the mode annotate', () => {
    expect(made('a.example/b:1', { mode: 'annotate' }).spec.template).toEqual({
      metadata: { annotations: { 'imagestream-operator/images': JSON.stringify({ web: image }) } },
      spec: { containers: containers('a.example/b:1'), restartPolicy: 'Never' },
    });
  });

  it('is as it was with the mode report', () => {
    expect(made('a.example/b:1', { mode: 'report' })).toEqual(written('a.example/b:1'));
  });
});

describe('what is kept of a Job', () => {
  const source = { namespace: 'apps', stream: 'web', tag: '1' };
  const move: ImageMove = { list: 'containers', container: 'web', from: ' ', to: 'old', source };
  const job = { metadata: { name: 'work', annotations: { 'image.openshift.io/triggers': '[]' } } };
  const kept = { job, mode: 'digest', formerVersion: '7', moves: [move] };

  it('is read back', () => {
    expect(parseReplacement(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
  });

  it.each([
    undefined,
    null,
    'x',
    [],
    {},
    { ...kept, job: undefined },
    { ...kept, job: { metadata: null } },
    { ...kept, job: { metadata: { annotations: { 'image.openshift.io/triggers': null } } } },
    { ...kept, mode: 'report' },
    { ...kept, mode: 7 },
  ])('is nothing when it is %j', (data) => {
    expect(parseReplacement(data)).toBeUndefined();
  });

  it.each([null, 'x', [], [null], [{ ...move, list: 'volumes' }]])(
    'has no moves when they are %j',
    (moves) => {
      expect(parseReplacement({ ...kept, moves })).toMatchObject({ moves: [] });
    },
  );

  it('gets what its tags stand for now, and what they stood for where that is nothing', () => {
    const other = { ...move, container: 'other', source: { ...source, tag: 'gone' } };
    const workload = workloadOf(triggers, { containers: [{ name: 'web', image }] });
    // Nothing would move by itself: the tag stands for what the Job had before.
    const plan = planTriggers(workload, () => image);
    expect(plan.moves).toEqual([]);
    expect(movesAgain({ mode: 'digest', moves: [move, other] }, plan)).toEqual([
      { ...move, to: image },
      other,
    ]);
  });
});

describe('a Job as the API server would create it', () => {
  const source = { namespace: 'apps', stream: 'web', tag: '1' };
  const moves: readonly ImageMove[] = [
    { list: 'containers', container: 'web', from: ' ', to: image, source },
  ];
  const templateImages = JSON.stringify({ web: image });

  it.each([
    { name: 'has the image', workload: { containers: [{ name: 'web', image }] }, mode: 'digest', want: true },
    {
      name: 'has another image',
      workload: { containers: [{ name: 'web', image: 'mirror/x' }] },
      mode: 'digest',
      want: false,
    },
    { name: 'has no such container', workload: { containers: [] }, mode: 'digest', want: false },
    { name: 'has the annotation', workload: { templateImages }, mode: 'annotate', want: true },
    { name: 'has another annotation', workload: { templateImages: '{}' }, mode: 'annotate', want: false },
    { name: 'has no annotation', workload: {}, mode: 'annotate', want: false },
  ] as const)('$name', ({ workload, mode, want }) => {
    expect(hasMoves(workloadOf(triggers, workload), { mode, moves })).toBe(want);
  });

  it.each([
    { phase: 'idle', present: ' ', want: true },
    { phase: 'idle', present: 'a.example/b:1', want: false },
    { phase: 'active', present: ' ', want: false },
  ] as const)(
    'waits for its first image when it is $phase with "$present": $want',
    ({ phase, present, want }) => {
      const workload = workloadOf(triggers, {
        containers: [{ name: 'web', image: present }],
        job: { ...state, phase },
      });
      expect(waitsForImage(workload, moves)).toBe(want);
    },
  );
});
