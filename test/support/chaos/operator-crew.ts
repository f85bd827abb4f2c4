/** The operators of a chaos run: one that is alone, or two that elect. Whichever ends is started again, as Kubernetes would. */
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { eventually } from '../eventually.ts';
import { type LogLine, type OperatorExit, OperatorProcess } from '../operator-process.ts';
import { refusedRequests } from '../operator-rights.ts';
import type { CrewMode } from './chaos-script.ts';
import { FlakyLink, type LinkTarget } from './flaky-link.ts';

/** Longer than any of the crew's Leases. */
export const leaseIsOverMs = 4_000;

const leaseFlags = [
  '--lease-duration=3s',
  '--lease-renew-deadline=2s',
  '--lease-retry-period=500ms',
  '--lease-namespace=imagestream-operator',
];
const respawnMs = 200;
const startMs = 60_000;

/** An operator with a connection to the API server of its own. */
export interface Member {
  readonly name: string;
  readonly operator: OperatorProcess;
  readonly link: FlakyLink;
  readonly elects: boolean;
  /** It was told to end: however it does that is in order. */
  isDoomed: boolean;
  /** It cannot do anything for longer than its Lease, and will end when it notices. */
  isHeldUp: boolean;
  /** It has seen the API server start. */
  mayBeRefused: boolean;
}

/** Options of {@link OperatorCrew}. */
export interface CrewOptions {
  /** What the names of its operators begin with. */
  readonly name: string;
  /** Where kubeconfigs and logs go. */
  readonly folder: string;
  /** With the operator's credentials. */
  readonly kubeconfigPath: string;
  /** Where the API server listens. */
  readonly server: LinkTarget;
  /** Flags beside those of the election. */
  readonly args: readonly string[];
  /** Hears what happens to operators. */
  readonly onEvent: (text: string) => void;
}

/** All operators that run. */
export class OperatorCrew {
  readonly #options: CrewOptions;
  readonly #members = new Set<Member>();
  readonly #watchers = new Set<Promise<void>>();
  /** Also those of operators that are gone: what they had sent may still arrive. */
  readonly #links = new Set<FlakyLink>();
  readonly #problems: string[] = [];
  #mode: CrewMode | undefined;
  #started = 0;
  /** The API server is away; when it comes back it refuses, for a moment, what it will allow. */
  #isServerAway = false;
  #killed = 0;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** What no operator should do: end by itself, or ask for what it has no right to. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** How many were killed. */
  get killed(): number {
    return this.#killed;
  }

  get members(): readonly Member[] {
    return [...this.#members];
  }

  /** Ends those of another mode and starts those of this one. */
  async become(mode: CrewMode): Promise<void> {
    if (this.#mode !== undefined && this.#mode !== mode) {
      this.#mode = undefined;
      for (const member of this.#members) this.kill(member);
      await Promise.all(this.#watchers);
    }
    this.#mode = mode;
    await this.#fill();
  }

  /** The one that works; undefined when nobody does for the moment. */
  get worker(): Member | undefined {
    return this.members.find(isWorking);
  }

  /** Waits for one that works; it need not work any more when it is returned. */
  async someWorker(): Promise<Member> {
    return eventually(() => this.worker, { what: 'an operator that works', timeoutMs: startMs });
  }

  /** Does something during which the API server is away: those that see it may be refused what they have a right to. */
  async withoutServer(work: () => Promise<void>): Promise<void> {
    this.#isServerAway = true;
    for (const member of this.#members) member.mayBeRefused = true;
    await work();
    this.#isServerAway = false;
  }

  /** SIGKILL; another one is started. */
  kill(member: Member): void {
    if (member.isDoomed) return;
    member.isDoomed = true;
    this.#killed++;
    this.#options.onEvent(`kill ${member.name}`);
    member.operator.kill('SIGKILL');
  }

  /** Ends all, in order where `gently`. */
  async stop({ gently }: { readonly gently: boolean }): Promise<void> {
    this.#mode = undefined;
    for (const member of this.#members) {
      member.isDoomed = true;
      member.link.resume();
      member.operator.kill('SIGCONT');
      member.operator.kill(gently ? 'SIGTERM' : 'SIGKILL');
    }
    await Promise.all(this.#watchers);
    await Promise.all([...this.#links].map((link) => link.close()));
    this.#links.clear();
  }

  async #fill(): Promise<void> {
    const wanted = this.#mode === undefined ? 0 : { one: 1, two: 2 }[this.#mode];
    while (this.#members.size < wanted) await this.#start(this.#mode === 'two');
  }

  async #start(elects: boolean): Promise<void> {
    const { folder, server, args, onEvent } = this.#options;
    const name = `${this.#options.name}-operator-${++this.#started}`;
    const link = await FlakyLink.open(server);
    this.#links.add(link);
    const kubeconfigPath = await this.#kubeconfig(name, link);
    const log = createWriteStream(join(folder, `${name}.log`));
    const operator = OperatorProcess.spawn({
      kubeconfigPath,
      elects,
      args: [...args, ...(elects ? leaseFlags : [])],
      onLog: (line) => log.write(`${JSON.stringify(line)}\n`),
    });
    onEvent(`start ${name}${elects ? ', with an election' : ''}`);
    const member: Member = {
      name,
      operator,
      link,
      elects,
      isDoomed: false,
      isHeldUp: false,
      mayBeRefused: this.#isServerAway,
    };
    this.#members.add(member);
    const watched = this.#watch(member).finally(() => {
      log.end();
      this.#watchers.delete(watched);
    });
    this.#watchers.add(watched);
  }

  /** Sees a member end, and starts another one. Never rejects. */
  async #watch(member: Member): Promise<void> {
    const { name, operator } = member;
    await operator.exited;
    // Its handlers of our own end go with it.
    const exit = await operator.stop();
    this.#members.delete(member);
    this.#options.onEvent(
      `${name} ended: ${exit.signal ?? `code ${exit.code}`} ${exit.stderr.trim()}`.trim(),
    );
    const problem = this.#judge(member, exit);
    if (problem !== undefined) this.#problems.push(`${name}: ${problem}`);
    if (!member.mayBeRefused)
      this.#problems.push(...refusedRequests(operator.logs).map((what) => `${name}: may not ${what}`));
    await delay(respawnMs);
    await this.#fill();
  }

  #judge({ operator, elects, isDoomed }: Member, { code, stderr }: OperatorExit): string | undefined {
    const last = operator.logs.at(-1);
    const wasReady = operator.logs.some(({ msg }) => msg === 'operator ready');
    if (isDoomed) return undefined;
    // Whoever starts without an API server says so and ends.
    if (!wasReady && code === 1 && /API server|lease lost/.test(`${stderr}${last?.msg ?? ''}`))
      return undefined;
    if (elects && code === 1 && operator.logs.some(({ msg }) => msg.startsWith('lease lost')))
      return undefined;
    return `ended by itself with code ${code}: ${stderr.trim() || JSON.stringify(last)}`;
  }

  async #kubeconfig(name: string, link: FlakyLink): Promise<string> {
    const { folder, kubeconfigPath } = this.#options;
    const config = JSON.parse(await readFile(kubeconfigPath, 'utf8')) as {
      clusters: { cluster: { server: string } }[];
    };
    for (const { cluster } of config.clusters) cluster.server = `https://${link.host}`;
    const path = join(folder, `${name}.kubeconfig`);
    await writeFile(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }
}

function isWorking({ operator, elects, isDoomed, isHeldUp }: Member): boolean {
  if (isDoomed || isHeldUp) return false;
  const has = (message: string): boolean => operator.logs.some(({ msg }: LogLine) => msg.startsWith(message));
  return has(elects ? 'leading' : 'operator ready') && !has('lease lost');
}
