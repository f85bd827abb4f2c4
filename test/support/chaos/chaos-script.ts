/** Makes a script out of a seed: what people do, and what happens to the programs meanwhile. Pure. */
import {
  type Action,
  ChaosModel,
  type PlannedWorkload,
  type Role,
  type Source,
  type StreamKey,
  type WorkloadKind,
} from './chaos-model.ts';
import { SeededRandom } from './seeded-random.ts';

/** What else happens in a round in which the operator is killed. */
export const troubles = [
  'none',
  /** What the killed one had sent arrives when the next one has worked for a while. */
  'late writes',
  'connections to the API server cut',
  'slow API server',
  'API server restarted',
  'connections to the registry cut',
  'slow registry',
  'registry silent',
  'registry restarted',
  /** Stopped for longer than its Lease, then goes on; only where there are two. */
  'leader stopped',
  /** Without the API server for longer than its Lease; only where there are two. */
  'leader cut off',
] as const;

/** One of {@link troubles}. */
export type Trouble = (typeof troubles)[number];

/** One operator without an election, or two with one. */
export type CrewMode = 'one' | 'two';

/** When the operator is killed, after the round has begun. */
export type Moment =
  | { readonly kind: 'time'; readonly ms: number }
  /** So many pieces of requests later, or so many writes to the API server: in the middle of its work. */
  | {
      readonly kind: 'traffic';
      readonly what: 'to the API server' | 'to the registry' | 'write';
      readonly count: number;
    };

/** Actions one after the other, a trouble, and a kill at some moment. */
export interface Round {
  readonly actions: readonly Action[];
  readonly mode: CrewMode;
  readonly trouble: Trouble;
  readonly moment: Moment;
  /** All that run are killed, not only the one that works. */
  readonly killsAll: boolean;
  /** All is compared with the model at its end. */
  readonly isChecked: boolean;
}

/** The world of a script, and its rounds. */
export interface Script {
  readonly setup: readonly Action[];
  readonly rounds: readonly Round[];
}

/** How large a script is. */
export interface ScriptOptions {
  readonly seed: number;
  readonly rounds: number;
  /** Streams of the kind that most happens to. */
  readonly apps: number;
  /** Deployments that follow one tag from the beginning. */
  readonly fanOut: number;
  /** The rounds' troubles in turn instead of random ones. */
  readonly troubles?: readonly Trouble[];
  /** Rounds between two comparisons with the model. */
  readonly checkEvery: number;
}

const tagsOfApp = ['t0', 't1'] as const;
const spare: StreamKey = 'own/spare';
const ticks: StreamKey = 'own/ticks';
const localCopy: StreamKey = 'own/copy';
const sharedCopy: StreamKey = 'shared/copy';
const stolenCopy: StreamKey = 'stranger/copy';
/** Rounds after which one operator gives way to two, or the other way round. */
const roundsOfMode = 4;
/** Most workloads that come beside those of the beginning. */
const maxMore = 20;

/** The script of a seed; the same one each time. */
export function makeScript(options: ScriptOptions): Script {
  return new ScriptMaker(options).make();
}

class ScriptMaker {
  readonly #options: ScriptOptions;
  readonly #random: SeededRandom;
  readonly #model = new ChaosModel();
  readonly #pushes = new Map<string, number>();
  #workloads = 0;
  /** Workloads of the beginning: they stay. */
  #lasting: ReadonlySet<string> = new Set();
  #actions: Action[] = [];

  constructor(options: ScriptOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  make(): Script {
    const { rounds, checkEvery, troubles: given } = this.#options;
    this.#setUp();
    const setup = this.#take();
    const shuffled: Trouble[] = [];
    return {
      setup,
      rounds: Array.from({ length: rounds }, (_, i) => {
        if (shuffled.length === 0) shuffled.push(...(given ?? this.#random.shuffled(troubles)));
        const trouble = shuffled.shift() ?? 'none';
        const needsTwo = trouble === 'leader stopped' || trouble === 'leader cut off';
        const isChecked = (i + 1) % checkEvery === 0 || i + 1 === rounds;
        for (let left = 2 + this.#random.below(3); left > 0; left--) this.#step();
        if (isChecked) this.#settleAll();
        const mode = needsTwo || Math.floor(i / roundsOfMode) % 2 === 1 ? 'two' : 'one';
        const killsAll = this.#random.chance(0.2);
        return { actions: this.#take(), mode, trouble, moment: this.#moment(), killsAll, isChecked };
      }),
    };
  }

  #moment(): Moment {
    const random = this.#random;
    const what = random.pick(['time', 'to the API server', 'to the registry', 'write', 'write'] as const);
    if (what === 'time') return { kind: 'time', ms: random.below(1_500) };
    const most = { 'to the API server': 40, 'to the registry': 8, write: 12 }[what];
    return { kind: 'traffic', what, count: 1 + random.below(most) };
  }

  #setUp(): void {
    for (const app of this.#apps()) {
      for (const tag of tagsOfApp) this.#push(refOf(app, tag));
      this.#push(refOf(app, 'extra'));
      this.#push(refOf(app, 'declared'));
      this.#do({
        kind: 'create stream',
        stream: app,
        tags: {
          t0: registrySource(app, 't0'),
          t1: registrySource(app, 't1'),
          extra: registrySource(app, 'extra'),
          alias: { kind: 'link', tag: 't0' },
          chain: { kind: 'link', tag: 'alias' },
        },
      });
      this.#do({ kind: 'declare', stream: app, tag: 'declared', source: registrySource(app, 'declared') });
    }
    for (const [stream, tag, isScheduled] of [
      [spare, 's0', false],
      [ticks, 'a', true],
      [ticks, 'b', true],
    ] as const) {
      this.#push(refOf(stream, tag));
      if (!this.#model.streams.has(stream))
        this.#do({ kind: 'create stream', stream, tags: sourcesOf(stream), isScheduled });
    }
    const source: Source = { kind: 'copy', stream: 'own/app-0', tag: 't1' };
    for (const stream of [localCopy, sharedCopy, stolenCopy])
      this.#do({ kind: 'create stream', stream, tags: { c: source } });
    this.#addWorkloads([
      ...Array.from({ length: this.#options.fanOut }, () => this.#workload('Deployment', 'own/app-0', 't0')),
      ...['alias', 'chain', 'declared', 'extra'].map((tag) => this.#workload('Deployment', 'own/app-0', tag)),
      ...this.#apps().map((app) => this.#workload('CronJob', app, 't1')),
      ...this.#apps().map((app) => this.#workload('Job', app, 'alias')),
      this.#workload('Deployment', spare, 's0'),
      this.#workload('Deployment', ticks, 'a'),
      this.#workload('Deployment', localCopy, 'c'),
      this.#workload('Deployment', sharedCopy, 'c', 'shared'),
      this.#workload('Deployment', 'own/app-0', 't0', 'shared'),
      this.#workload('Deployment', 'own/app-0', 't0', 'stranger'),
    ]);
    this.#lasting = new Set(this.#model.workloads.keys());
    this.#settleAll();
  }

  #step(): void {
    const random = this.#random;
    const app = random.pick(this.#apps());
    const steps: readonly (readonly [number, () => void])[] = [
      [30, () => this.#pushToTag(app, random.pick(tagsOfApp))],
      [8, () => this.#pushToTag(app, 'declared')],
      [5, () => this.#pushOlder(app, random.pick(tagsOfApp))],
      [10, () => this.#moveAlias(app)],
      [7, () => this.#changeSource(app, random.pick(tagsOfApp))],
      [8, () => this.#push(refOf(ticks, random.pick(['a', 'b'])))],
      [6, () => this.#copy(random.pick([localCopy, sharedCopy]))],
      [4, () => this.#recreateSpare()],
      [4, () => this.#dropExtra(app)],
      [4, () => this.#leaveAndComeBack(app)],
      [5, () => this.#redeclare(app)],
      [3, () => this.#do({ kind: 'delete tag object', stream: app, tag: random.pick(tagsOfApp) })],
      [4, () => this.#scale(app)],
    ];
    let lot = random.below(steps.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, step] of steps) {
      if (lot < weight) {
        step();
        return;
      }
      lot -= weight;
    }
  }

  #apps(): readonly StreamKey[] {
    return Array.from({ length: this.#options.apps }, (_, i) => `own/app-${i}` as const);
  }

  /** Of some moves it is awaited that they are seen, of others not. */
  #maybeSettle(...streams: readonly StreamKey[]): void {
    if (this.#random.chance(0.4)) this.#do({ kind: 'settle', streams });
  }

  #push(ref: string): void {
    const number = this.#pushes.get(ref) ?? 0;
    this.#pushes.set(ref, number + 1);
    this.#do({ kind: 'push', ref, image: `${ref}#${number}` });
  }

  #pushToTag(app: StreamKey, tag: string): void {
    this.#push(refOf(app, tag));
    if (this.#random.chance(0.8)) this.#do({ kind: 'request', stream: app });
    this.#maybeSettle(app);
  }

  /** As somebody who rolls back in the registry. */
  #pushOlder(app: StreamKey, tag: string): void {
    const ref = refOf(app, tag);
    const number = this.#random.below(this.#pushes.get(ref) ?? 1);
    this.#do({ kind: 'push', ref, image: `${ref}#${number}` });
    this.#do({ kind: 'request', stream: app });
    this.#maybeSettle(app);
  }

  #moveAlias(app: StreamKey): void {
    const source: Source = { kind: 'link', tag: this.#random.pick(tagsOfApp) };
    this.#do({ kind: 'set tag', stream: app, tag: 'alias', source, request: false });
    this.#maybeSettle(app);
  }

  #changeSource(app: StreamKey, tag: string): void {
    const other = this.#random.pick(this.#apps());
    const source = registrySource(other, this.#random.pick(tagsOfApp));
    this.#do({ kind: 'set tag', stream: app, tag, source, request: true });
    this.#maybeSettle(app);
  }

  #copy(stream: StreamKey): void {
    this.#do({ kind: 'settle', streams: ['own/app-0'] });
    this.#do({ kind: 'request', stream });
    if (this.#random.chance(0.5)) this.#do({ kind: 'settle', streams: [stream] });
    else this.#pushToTag('own/app-0', 't1');
  }

  #recreateSpare(): void {
    this.#do({ kind: 'delete stream', stream: spare });
    if (this.#random.chance(0.5)) this.#push(refOf(spare, 's0'));
    this.#do({ kind: 'create stream', stream: spare, tags: sourcesOf(spare) });
    this.#maybeSettle(spare);
  }

  #dropExtra(app: StreamKey): void {
    this.#do({ kind: 'drop tag', stream: app, tag: 'extra' });
    if (this.#random.chance(0.5)) this.#push(refOf(app, 'extra'));
    const source = registrySource(app, 'extra');
    this.#do({ kind: 'set tag', stream: app, tag: 'extra', source, request: false });
    this.#maybeSettle(app);
  }

  /** Out of the spec and in again: the history stays. */
  #leaveAndComeBack(app: StreamKey): void {
    // Otherwise nobody could say what it keeps.
    this.#do({ kind: 'settle', streams: [app] });
    this.#do({ kind: 'set tag', stream: app, tag: 'extra', source: undefined, request: false });
    if (this.#random.chance(0.5)) this.#push(refOf(app, 'extra'));
    this.#maybeSettle(app);
    const source = registrySource(app, 'extra');
    this.#do({ kind: 'set tag', stream: app, tag: 'extra', source, request: false });
    this.#maybeSettle(app);
  }

  #redeclare(app: StreamKey): void {
    const source = registrySource(app, 'declared');
    this.#do({ kind: 'undeclare', stream: app, tag: 'declared' });
    if (this.#random.chance(0.5)) this.#push(refOf(app, 'declared'));
    this.#do({ kind: 'declare', stream: app, tag: 'declared', source });
    this.#maybeSettle(app);
  }

  #scale(app: StreamKey): void {
    const random = this.#random;
    const more = [...this.#model.workloads.keys()].filter((name) => !this.#lasting.has(name));
    if (more.length < maxMore && random.chance(0.6)) {
      const tag = random.pick([...tagsOfApp, 'alias', 'chain']);
      const count = 1 + random.below(6);
      this.#addWorkloads(Array.from({ length: count }, () => this.#workload('Deployment', app, tag)));
    } else if (more.length > 0) {
      this.#do({ kind: 'remove workload', name: random.pick(more) });
    }
  }

  #workload(kind: WorkloadKind, stream: StreamKey, tag: string, role: Role = 'own'): PlannedWorkload {
    return { kind, role, name: `${kind.toLowerCase()}-${this.#workloads++}`, stream, tag };
  }

  #addWorkloads(workloads: readonly PlannedWorkload[]): void {
    this.#do({ kind: 'add workloads', workloads });
  }

  /** Copies last: they take what the others have then. */
  #settleAll(): void {
    this.#do({ kind: 'settle', streams: [...this.#apps(), spare, ticks] });
    this.#do({ kind: 'settle', streams: [localCopy, sharedCopy] });
  }

  #do(action: Action): void {
    this.#model.apply(action);
    this.#actions.push(action);
  }

  #take(): readonly Action[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }
}

function sourcesOf(stream: StreamKey): Readonly<Record<string, Source>> {
  const tags = stream === spare ? ['s0'] : ['a', 'b'];
  return Object.fromEntries(tags.map((tag) => [tag, registrySource(stream, tag)]));
}

function registrySource(stream: StreamKey, tag: string): Source {
  return { kind: 'registry', ref: refOf(stream, tag) };
}

/** A repository for each stream. */
function refOf(stream: StreamKey, tag: string): string {
  return `${stream.slice(stream.indexOf('/') + 1)}/${tag}`;
}
