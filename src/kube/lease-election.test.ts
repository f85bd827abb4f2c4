import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  type PlayedApiServer,
  playApiServer,
} from '../../test/support/played-api-server.ts';
import type { Lease } from '../api/resources.ts';
import { LeaseElection, type LeaseElectionOptions } from './lease-election.ts';
import { NotLeadingError } from './write-fence.ts';

const timings = { durationMs: 15_000, renewMs: 10_000, retryMs: 2_000 };
const path = '/apis/coordination.k8s.io/v1/namespaces/ops/leases';

/** Keeps one Lease as an API server does: whoever writes has to name the version that there is. */
class LeaseKeeper {
  lease: Lease | undefined;
  /** What is answered instead, if anything. */
  trouble: (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer> | undefined = () => undefined;
  #version = 0;

  /** Writes a record as somebody else would. */
  set(spec: Lease['spec'] | undefined): void {
    const metadata = { name: 'operator', namespace: 'ops', uid: 'u', resourceVersion: `${++this.#version}` };
    this.lease = spec === undefined ? undefined : { metadata, spec };
  }

  answer(request: ApiRequest): ApiAnswer | Promise<ApiAnswer> {
    return this.trouble(request) ?? this.#answer(request);
  }

  #answer({ method, path: at, body }: ApiRequest): ApiAnswer {
    const { metadata, spec } = (body ?? {}) as Partial<Lease>;
    if (method === 'POST' && at === path) {
      if (this.lease !== undefined) return { status: 409 };
      this.set(spec);
      return { status: 201, body: this.lease };
    }
    if (this.lease === undefined || at !== `${path}/operator`) return { status: 404 };
    if (method === 'PATCH') {
      if (metadata?.resourceVersion !== this.lease.metadata.resourceVersion) return { status: 409 };
      this.set({ ...this.lease.spec, ...spec });
    }
    return { body: this.lease };
  }
}

/** A candidate, its API server and its clock. */
class Scene {
  readonly clock = new FakeClock();
  readonly keeper = new LeaseKeeper();
  readonly holders: string[] = [];
  readonly lines: string[] = [];
  readonly #stop = new AbortController();
  #server: PlayedApiServer | undefined;
  /** What a timer has not told yet. */
  unnoticedMs = 0;

  async start(options: Partial<LeaseElectionOptions> = {}): Promise<LeaseElection> {
    if (this.#server === undefined) {
      const server = await playApiServer(this.clock, (request) => this.keeper.answer(request));
      this.#server = server;
      onTestFinished(() => server[Symbol.asyncDispose]());
    }
    const election = new LeaseElection({
      client: this.#server.client,
      namespace: 'ops',
      name: 'operator',
      identity: 'me',
      timings,
      clock: this.clock,
      elapsed: () => this.clock.now() + this.unnoticedMs,
      onHolder: (holder) => this.holders.push(holder),
      log: pino({ base: null }, { write: (line: string) => this.lines.push(line) }),
      ...options,
    });
    const run = election.run(this.#stop.signal);
    onTestFinished(async () => {
      await this.stop();
      await run;
    });
    return election;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
  }

  get requests(): readonly string[] {
    return this.#server?.requests.map(({ method }) => method) ?? [];
  }

  /** Lets time go by in steps of an attempt, each of which gets its answers. */
  async pass(ms: number): Promise<void> {
    await this.rests();
    for (let left = ms; left > 0; left -= 500) {
      await this.clock.advance(Math.min(500, left));
      await this.rests();
    }
  }

  /** Between two attempts there is a timer for the next one; while one runs, its limit is the next. */
  async rests(): Promise<void> {
    await eventually(
      () => this.clock.pending.length === 0 || (this.clock.pending[0] ?? 0) <= timings.retryMs * 1.25,
      { what: 'the attempt to end' },
    );
  }
}

const of = (holder: string, more: Lease['spec'] = {}): Lease['spec'] => ({
  holderIdentity: holder,
  leaseDurationSeconds: 15,
  renewTime: '2026-01-01T00:00:00.000000Z',
  ...more,
});

it('takes a Lease that is not there, and renews it in time', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  const { acquireTime } = scene.keeper.lease?.spec ?? {};
  await scene.pass(60_000);
  expect(election.isHeld).toBe(true);
  expect(scene.keeper.lease?.spec).toMatchObject({
    holderIdentity: 'me',
    leaseDurationSeconds: 15,
    leaseTransitions: 0,
    acquireTime,
  });
  const { renewTime = '' } = scene.keeper.lease?.spec ?? {};
  expect(scene.clock.now() - Date.parse(renewTime)).toBeLessThan(2_500);
  expect(scene.holders).toEqual(['me']);
});

it.each([
  { name: 'long ago by the clock of the holder', renewTime: '2001-01-01T00:00:00.000000Z' },
  { name: 'in the future by the clock of the holder', renewTime: '2101-01-01T00:00:00.000000Z' },
])('leaves a Lease alone for its time from when it was seen, though it was renewed $name', async (more) => {
  const scene = new Scene();
  scene.keeper.set(of('other', { renewTime: more.renewTime, leaseTransitions: 4 }));
  const election = await scene.start();
  await scene.pass(14_500);
  expect(scene.keeper.lease?.spec?.holderIdentity).toBe('other');
  await scene.pass(1_000);
  await election.acquired;
  expect(scene.keeper.lease?.spec).toMatchObject({ holderIdentity: 'me', leaseTransitions: 5 });
  expect(scene.holders).toEqual(['other', 'me']);
});

it('waits for as long as the Lease is renewed', async () => {
  const scene = new Scene();
  const election = await scene.start({ identity: 'second' });
  await election.acquired;
  const follower = await scene.start();
  await scene.pass(60_000);
  expect([election.isHeld, follower.isHeld]).toEqual([true, false]);
});

it('takes a Lease that was given back with the next attempt', async () => {
  const scene = new Scene();
  scene.keeper.set(of('other'));
  const election = await scene.start();
  await scene.pass(4_000);
  scene.keeper.set(of(''));
  await scene.pass(2_500);
  expect(election.isHeld).toBe(true);
});

it('holds it no longer than the deadline when it cannot be renewed, and does not come back', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  const since = Date.parse(scene.keeper.lease?.spec?.renewTime ?? '');
  scene.keeper.trouble = () => ({ status: 500 });
  await scene.pass(since + 9_500 - scene.clock.now());
  expect(election.isHeld).toBe(true);
  await scene.pass(500);
  expect([election.isHeld, election.lost.aborted]).toEqual([false, true]);
  scene.keeper.trouble = () => undefined;
  const { length } = scene.requests;
  await scene.pass(60_000);
  expect(election.isHeld).toBe(false);
  expect(scene.requests).toHaveLength(length);
});

it('counts the deadline from before the request, not from its answer', async () => {
  const scene = new Scene();
  const answered = Promise.withResolvers<void>();
  scene.keeper.trouble = ({ method }) =>
    method === 'POST'
      ? answered.promise.then(() => {
          scene.keeper.set(of('me'));
          return { status: 201, body: scene.keeper.lease };
        })
      : undefined;
  const election = await scene.start();
  await eventually(() => scene.requests.includes('POST'), { what: 'the Lease to be asked for' });
  await scene.clock.advance(4_000);
  answered.resolve();
  await election.acquired;
  scene.unnoticedMs = 5_999;
  expect(election.isHeld).toBe(true);
  scene.unnoticedMs = 6_000;
  expect(election.isHeld).toBe(false);
});

it('is over at the deadline though the process was stopped and no timer fired', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  scene.unnoticedMs = 60_000;
  expect([election.isHeld, election.lost.aborted]).toEqual([false, false]);
});

it('is lost, and says so, with the first write after the deadline though no timer fired', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  expect(() => election.ensureHeld()).not.toThrow();
  scene.unnoticedMs = 60_000;
  expect(() => election.ensureHeld()).toThrow(NotLeadingError);
  expect(election.lost.aborted).toBe(true);
  expect(scene.lines.at(-1)).toContain('lease lost');
});

it('ends at once when the Lease is somebody else’s', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  scene.keeper.set(of('other'));
  await scene.pass(2_500);
  expect([election.isHeld, election.lost.aborted]).toEqual([false, true]);
  expect(scene.keeper.lease?.spec?.holderIdentity).toBe('other');
});

it('finds its own name after a renewal whose answer was lost', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  scene.keeper.trouble = () => {
    scene.keeper.trouble = () => undefined;
    scene.keeper.set({ ...scene.keeper.lease?.spec, renewTime: '2026-01-01T00:00:09.000000Z' });
    return { status: 500 };
  };
  await scene.pass(20_000);
  expect(election.isHeld).toBe(true);
});

it('gives up a request that hangs, so that another one is made before the deadline', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  scene.keeper.trouble = () => {
    scene.keeper.trouble = () => undefined;
    return new Promise(() => undefined);
  };
  await scene.rests();
  await scene.clock.advance(2_500);
  const { length } = scene.requests;
  await eventually(() => scene.requests.length === length, { what: 'the request that hangs' });
  await scene.clock.advance(5_000);
  await scene.pass(20_000);
  expect(election.isHeld).toBe(true);
});

it('makes a Lease anew that somebody deleted, and who follows does not take it before its end', async () => {
  const scene = new Scene();
  scene.keeper.set(of('other'));
  const election = await scene.start();
  await scene.pass(4_000);
  scene.keeper.set(undefined);
  await scene.pass(10_000);
  expect(scene.keeper.lease).toBeUndefined();
  await scene.pass(2_500);
  await election.acquired;
  scene.keeper.set(undefined);
  await scene.pass(2_500);
  expect(scene.keeper.lease?.spec?.holderIdentity).toBe('me');
  expect(election.isHeld).toBe(true);
});

it('gives the Lease back for the next one, and holds nothing from then on', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  await scene.rests();
  await scene.stop();
  scene.keeper.trouble = () => {
    expect(election.isHeld).toBe(false);
    return undefined;
  };
  await election.release();
  expect(scene.keeper.lease?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  expect(() => election.ensureHeld()).toThrow(NotLeadingError);
  expect(election.lost.aborted).toBe(false);
});

it('gives nothing back that is not its own', async () => {
  const scene = new Scene();
  const election = await scene.start();
  await election.acquired;
  await scene.rests();
  await scene.stop();
  scene.keeper.set(of('other'));
  await election.release();
  expect(scene.keeper.lease?.spec?.holderIdentity).toBe('other');
});

it('takes no Lease that is not wanted, and says when one that was wanted was not to be had', async () => {
  const scene = new Scene();
  let claims = 0;
  const election = await scene.start({ claim: () => undefined });
  await scene.pass(10_000);
  expect([election.isHeld, scene.keeper.lease]).toEqual([false, undefined]);
  scene.keeper.trouble = ({ method }) => (method === 'POST' ? { status: 409 } : undefined);
  await scene.start({
    identity: 'second',
    claim: () => {
      claims++;
      return () => claims--;
    },
  });
  await scene.pass(10_000);
  expect(claims).toBe(0);
});

it('says what to do when the rights are missing, and goes on trying', async () => {
  const scene = new Scene();
  scene.keeper.trouble = () => ({ status: 403, body: { message: 'no' } });
  const election = await scene.start();
  await scene.pass(2_500);
  expect(scene.lines.join('')).toContain('apply the rights of this version');
  scene.keeper.trouble = () => undefined;
  await scene.pass(2_500);
  expect(election.isHeld).toBe(true);
});
