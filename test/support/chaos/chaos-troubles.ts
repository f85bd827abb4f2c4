/** What happens to the programs of a chaos run while people do their actions. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Cluster } from '../cluster.ts';
import type { Moment, Round } from './chaos-script.ts';
import { anyPiece, aWrite, aWriteOfWork, type FlakyLink } from './flaky-link.ts';
import { leaseIsOverMs, type Member, type OperatorCrew } from './operator-crew.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Where trouble is made. */
export interface TroubleOptions {
  readonly cluster: Cluster;
  readonly crew: OperatorCrew;
  /** Between the operators and the registry. */
  readonly registryLink: FlakyLink;
  /** For how long things last. */
  readonly random: SeededRandom;
  readonly onEvent: (text: string) => void;
}

/** Longest wait for the moment of a kill: when nothing passes it comes all the same. */
const momentMs = 2_500;

/** Makes the trouble of a round, and kills at its moment. Resolves when both are over. `acted` is when the actions of the round are. */
export async function makeTrouble(
  options: TroubleOptions,
  round: Round,
  acted: Promise<unknown>,
): Promise<void> {
  if (round.trouble !== 'none') options.onEvent(`trouble: ${round.trouble}`);
  switch (round.trouble) {
    case 'late writes':
      return killWithLateWrites(options, round, acted);
    case 'leader stopped':
      return killAfterHoldUp(options, round, {
        begin: ({ operator }) => operator.kill('SIGSTOP'),
        end: ({ operator }) => operator.kill('SIGCONT'),
      });
    case 'leader cut off':
      return killAfterHoldUp(options, round, {
        begin: ({ link }) => link.stop(),
        end: ({ link }) => link.resume(),
      });
    default:
      await Promise.all([troubleOf(options, round), killAtMoment(options, round)]);
  }
}

async function troubleOf(options: TroubleOptions, { trouble }: Round): Promise<void> {
  const { cluster, crew, registryLink, random } = options;
  switch (trouble) {
    case 'none':
    case 'late writes':
    case 'leader stopped':
    case 'leader cut off':
      return;
    case 'connections to the API server cut':
      return cutAgain(options, () => crew.members.map(({ link }) => link));
    case 'connections to the registry cut':
      return cutAgain(options, () => [registryLink]);
    case 'slow API server':
      return slowFor(options, () => crew.members.map(({ link }) => link));
    case 'slow registry':
      return slowFor(options, () => [registryLink]);
    case 'registry silent':
      registryLink.stop();
      await delay(200 + random.below(2_000));
      registryLink.resume();
      return;
    case 'API server restarted':
      await delay(random.below(1_000));
      return crew.withoutServer(() => cluster.restartApiServer());
    case 'registry restarted':
      await delay(random.below(500));
      await cluster.registry.stop();
      await delay(random.below(500));
      return cluster.registry.start();
  }
}

async function killAtMoment(options: TroubleOptions, round: Round): Promise<void> {
  const { crew } = options;
  await momentOf(options, round.moment);
  const victims = round.killsAll ? crew.members : [crew.worker ?? crew.members[0]];
  for (const victim of victims) if (victim !== undefined) crew.kill(victim);
}

/** What the killed one had sent last arrives when the next one has done the work. */
async function killWithLateWrites(
  options: TroubleOptions,
  { moment }: Round,
  acted: Promise<unknown>,
): Promise<void> {
  const { crew, onEvent } = options;
  const victim = await crew.someWorker();
  const writes = moment.kind === 'time' ? 1 : 1 + (moment.count % 4);
  await inTime(victim.link.stoppedAt(writes, aWriteOfWork));
  victim.link.stop();
  crew.kill(victim);
  await victim.operator.exited;
  await crew.someWorker();
  await acted;
  onEvent(`late writes of ${victim.name} arrive`);
  victim.link.resume();
}

/** A leader that can do nothing for longer than its Lease goes on while the next one works, which is then killed. */
async function killAfterHoldUp(
  options: TroubleOptions,
  round: Round,
  { begin, end }: { readonly begin: (member: Member) => void; readonly end: (member: Member) => void },
): Promise<void> {
  const { crew, onEvent } = options;
  const leader = await crew.someWorker();
  await momentOf(options, round.moment);
  leader.isHeldUp = true;
  begin(leader);
  onEvent(`${leader.name} is held up`);
  await delay(leaseIsOverMs);
  await crew.someWorker();
  onEvent(`${leader.name} goes on`);
  end(leader);
  await killAtMoment(options, round);
}

async function momentOf({ crew, registryLink }: TroubleOptions, moment: Moment): Promise<void> {
  if (moment.kind === 'time') {
    await delay(moment.ms);
    return;
  }
  const [member] = crew.members;
  const worker = crew.worker ?? member;
  const { what, count } = moment;
  if (what === 'to the registry') await inTime(registryLink.passed(count, anyPiece));
  else await inTime(worker?.link.passed(count, what === 'write' ? aWrite : anyPiece));
}

async function inTime(moment: Promise<void> | undefined): Promise<void> {
  const over = new AbortController();
  await Promise.race([moment, delay(momentMs, undefined, { signal: over.signal }).catch(() => undefined)]);
  over.abort();
}

async function cutAgain({ random }: TroubleOptions, links: () => readonly FlakyLink[]): Promise<void> {
  for (let left = 1 + random.below(4); left > 0; left--) {
    await delay(random.below(600));
    for (const link of links()) link.cut();
  }
}

async function slowFor({ random }: TroubleOptions, links: () => readonly FlakyLink[]): Promise<void> {
  const slowed = links();
  for (const link of slowed) link.slow(20 + random.below(200));
  await delay(500 + random.below(2_000));
  for (const link of slowed) link.slow(0);
}
