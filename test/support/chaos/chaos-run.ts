/** Runs a script twice in one cluster: undisturbed, then with all its troubles; compares both with the model, and with each other. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';

import { type AuditedWrite, AuditLog } from '../audit-log.ts';
import { type Cluster, startCluster } from '../cluster.ts';
import { createOperatorCredentials, operatorUser } from '../operator-rights.ts';
import { createTemporaryFolder } from '../temporary-folder.ts';
import { readTlsIdentity } from '../tls-files.ts';
import { outcomeDifferences, outcomeOf, writeDifferences } from './chaos-expectations.ts';
import type { WorkloadModel } from './chaos-model.ts';
import { containerImage } from './chaos-objects.ts';
import { makeScript, type ScriptOptions } from './chaos-script.ts';
import { makeTrouble } from './chaos-troubles.ts';
import { ChaosWorld } from './chaos-world.ts';
import { FlakyLink, type LinkTarget } from './flaky-link.ts';
import { OperatorCrew } from './operator-crew.ts';
import { SeededRandom } from './seeded-random.ts';

/** Options of {@link runChaos}. */
export interface ChaosOptions extends ScriptOptions {
  /** Folder with the programs: see `ensureAssets`. */
  readonly assets: string;
  /** Folder with the custom resource definitions. */
  readonly crds: string;
  readonly signal?: AbortSignal;
  /** Leaves the folder with the logs behind, whatever came out. */
  readonly keepsLogs?: boolean;
  readonly onProgress?: (text: string) => void;
}

/** What came out. */
export interface ChaosResult {
  /** A line for each thing that is not as it should be. */
  readonly differences: readonly string[];
  /** Where timeline, audit log and the logs of the operators are; they stay when something differs. */
  readonly folder: string;
  /** Operators that were killed. */
  readonly killed: number;
  /** Writes of images to workloads in the disturbed run. */
  readonly writes: number;
}

const patienceMs = 120_000;
const operatorFlags = [
  '--retry-min=500ms',
  '--retry-max=2s',
  '--schedule-period=2s',
  // A run of a thousand rounds is to lose nothing.
  '--history-limit=1000',
];
const never = new AbortController().signal;

interface Arena {
  readonly options: ChaosOptions;
  readonly cluster: Cluster;
  readonly audit: AuditLog;
  readonly folder: string;
  readonly kubeconfigPath: string;
  readonly registryLink: FlakyLink;
  readonly signal: AbortSignal;
  readonly onEvent: (text: string) => void;
}

interface WorldResult {
  readonly differences: readonly string[];
  readonly outcome: Readonly<Record<string, string>>;
  readonly killed: number;
  readonly writes: number;
}

/** Runs a script. @throws Error when a program does not come up, or the signal is aborted. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { signal = never } = options;
  const folder = await createTemporaryFolder();
  let keeps = true;
  try {
    await using stack = new AsyncDisposableStack();
    const arena = await openArena(stack, { options, folder: folder.path, signal });
    const calm = await runWorld(arena, 'calm');
    const disturbed = calm.differences.length === 0 ? await runWorld(arena, 'chaos') : undefined;
    const differences = allDifferences(calm, disturbed);
    keeps = differences.length > 0 || options.keepsLogs === true;
    return {
      differences,
      folder: folder.path,
      killed: disturbed?.killed ?? 0,
      writes: disturbed?.writes ?? 0,
    };
  } catch (error) {
    keeps = !signal.aborted || options.keepsLogs === true;
    if (!keeps) throw error;
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nlogs: ${folder.path}`, {
      cause: error,
    });
  } finally {
    await (keeps ? folder.keep() : folder.remove());
  }
}

/** The first that went wrong: what goes wrong undisturbed is no matter of trouble, and who stopped early has not come to the end. */
function allDifferences(calm: WorldResult, disturbed: WorldResult | undefined): readonly string[] {
  if (disturbed === undefined) return calm.differences.map((line) => `undisturbed: ${line}`);
  if (disturbed.differences.length > 0) return disturbed.differences;
  return outcomeDifferences(calm.outcome, disturbed.outcome);
}

async function openArena(
  stack: AsyncDisposableStack,
  { options, folder, signal }: Pick<Arena, 'options' | 'folder' | 'signal'>,
): Promise<Arena> {
  const { assets, crds } = options;
  const startedAt = performance.now();
  const timeline = createWriteStream(join(folder, 'timeline.log'));
  stack.defer(() => void timeline.end());
  const onEvent = (text: string): void => {
    timeline.write(`${new Date().toISOString()} +${Math.round(performance.now() - startedAt)} ${text}\n`);
  };
  onEvent(`seed ${options.seed}`);
  const bodies = { apps: ['deployments'], batch: ['jobs', 'cronjobs'] };
  const silent = { 'coordination.k8s.io': ['leases'] };
  const audit = await AuditLog.create({ folder, user: operatorUser, bodies, silent });
  const cluster = await startCluster({ assets, crds, signal, apiServerArgs: audit.flags });
  stack.defer(() => cluster.stop());
  const { kubeconfigPath } = await createOperatorCredentials(cluster);
  const registryLink = await FlakyLink.open(targetOf(`http://${cluster.registry.host}`));
  stack.defer(() => registryLink.close());
  return { options, cluster, audit, folder, kubeconfigPath, registryLink, signal, onEvent };
}

async function runWorld(arena: Arena, name: 'calm' | 'chaos'): Promise<WorldResult> {
  const { options, cluster, audit, registryLink, signal, onEvent, folder, kubeconfigPath } = arena;
  const { onProgress = () => undefined } = options;
  const script = makeScript(options);
  await using stack = new AsyncDisposableStack();
  const kube = stack.use(cluster.client());
  const registryHost = registryLink.host;
  const world = await ChaosWorld.create({ cluster, kube, name, registryHost, patienceMs, signal, onEvent });
  const server = { ...targetOf(cluster.url), tls: await tlsOf(cluster) };
  const crew = new OperatorCrew({
    name,
    folder,
    kubeconfigPath,
    server,
    args: operatorFlags,
    onEvent,
  });
  stack.defer(() => crew.stop({ gently: false }));
  const troubles = { cluster, crew, registryLink, random: new SeededRandom(options.seed + 1), onEvent };
  await crew.become('one');
  for (const action of script.setup) await world.perform(action);
  let differences: readonly string[] = [];
  let wasKilled = false;
  for (const [i, round] of script.rounds.entries()) {
    onProgress(
      `${name}: round ${i + 1} of ${script.rounds.length}${name === 'calm' ? '' : `: ${round.trouble}`}`,
    );
    onEvent(`round ${i + 1}`);
    const isCalm = name === 'calm';
    wasKilled ||= !isCalm && round.trouble === 'API server restarted';
    if (!isCalm) await crew.become(round.mode);
    const acted = (async () => {
      for (const action of round.actions) await world.perform(action);
    })();
    const trouble = isCalm ? undefined : makeTrouble(troubles, round, acted);
    await together(acted, trouble);
    if (!round.isChecked) continue;
    differences = await check(arena, { world, crew, wasKilled });
    if (differences.length > 0) break;
  }
  await crew.stop({ gently: true });
  const writes = workloadWrites(await audit.since(0), world);
  const count = [...writes.values()].reduce((sum, { heard }) => sum + heard.length, 0);
  return { differences, outcome: outcomeOf(await world.observe()), killed: crew.killed, writes: count };
}

/** Waits for all, so that nothing goes on when one has failed. */
async function together(...work: readonly (Promise<void> | undefined)[]): Promise<void> {
  const results = await Promise.allSettled(work.filter((each) => each !== undefined));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** What is not as it should be at a quiet moment. */
async function check(
  { audit, signal }: Arena,
  {
    world,
    crew,
    wasKilled,
  }: { readonly world: ChaosWorld; readonly crew: OperatorCrew; readonly wasKilled: boolean },
): Promise<readonly string[]> {
  const early = await world.differences();
  if (early.length > 0) return [...early, ...crew.problems];
  // It has to stay so, and the API server writes its log a little later.
  await audit.settled(signal);
  const late = await world.differences();
  const { workloads } = await world.observe();
  const writes = workloadWrites(await audit.since(0), world);
  const { model } = world;
  const written = [...model.workloads, ...model.removed].flatMap(([name, { kind, images }]) => {
    const { heard, unheard } = writes.get(name) ?? { heard: [], unheard: 0 };
    const changes = kind === 'Job' ? undefined : workloads.get(name)?.changes;
    return writeDifferences(name, images, { heard, unheard, changes, wasKilled });
  });
  return [...late, ...written, ...crew.problems];
}

interface Writes {
  readonly heard: string[];
  unheard: number;
}

/** Writes of images, by the name of the workload. */
function workloadWrites(
  writes: readonly AuditedWrite[],
  { model, objects }: ChaosWorld,
): ReadonlyMap<string, Writes> {
  const found = new Map<string, Writes>();
  const own = new Set(Object.values(objects.namespaces));
  for (const { kind, namespace, name, body, isDryRun } of writes) {
    const [verb = '', , status] = kind.split(' ');
    const workload = model.workloads.get(name) ?? model.removed.get(name);
    if (isDryRun || !own.has(namespace) || workload === undefined || verb !== verbOf(workload)) continue;
    const entry = found.get(name) ?? { heard: [], unheard: 0 };
    found.set(name, entry);
    const image = objects.imageOf(containerImage(body) ?? '');
    if (status === undefined) entry.heard.push(image);
    // Refused for sure; anything else may have been made.
    else if (!['404', '409', '422'].includes(status)) entry.unheard++;
  }
  return found;
}

/** A Job is created again. */
function verbOf({ kind }: WorkloadModel): string {
  return kind === 'Job' ? 'create' : 'patch';
}

/** The relay has the API server's own certificate. */
async function tlsOf({ facts }: Cluster): Promise<NonNullable<LinkTarget['tls']>> {
  return { ...(await readTlsIdentity(facts)), ca: facts.ca };
}

function targetOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
