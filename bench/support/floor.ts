/** Runs the floor: the requests that no import can do without, done bare. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { FloorPlan, FloorResult } from './floor-plan.ts';

const importWorker = new URL('floor-worker.ts', import.meta.url);

/** Does the plan in a fresh process of the same Node, as the operator is one. Throws with what that printed. */
export async function runFloor(plan: FloorPlan, signal: AbortSignal): Promise<FloorResult> {
  return runWorker<FloorResult>({ worker: importWorker, plan, signal });
}

/** Runs a program that takes its plan from standard input and prints its result, both as JSON. */
export async function runWorker<Result>(options: {
  readonly worker: URL;
  readonly nodeFlags?: readonly string[];
  readonly plan: object;
  readonly signal: AbortSignal;
}): Promise<Result> {
  const { worker, nodeFlags = [], plan, signal } = options;
  const args = [...nodeFlags, fileURLToPath(worker)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], signal });
  const ended = once(child, 'close');
  child.stdin.on('error', () => undefined).end(JSON.stringify(plan));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  signal.throwIfAborted();
  if (child.exitCode !== 0) throw new Error(`the floor's process ended with ${child.exitCode}: ${stderr}`);
  return JSON.parse(stdout) as Result;
}
