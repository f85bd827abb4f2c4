/** What processes and the machine have used, as Linux counts it in /proc. */
import { readFile, writeFile } from 'node:fs/promises';

/** Length of a tick in /proc: USER_HZ, 100 on every Linux that Node runs on. */
const tickMs = 10;

/** Processor time that a process has used since it started, in milliseconds; 0 when there is no such process. */
export async function cpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold spaces; utime and stime are the fields 14 and 15 (proc_pid_stat(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs;
}

/** The most memory that a process ever had, or had since {@link resetPeakRss}, in bytes. */
export async function peakRssBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmHWM');
}

/** The memory that a process has now, in bytes. */
export async function rssBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmRSS');
}

/** Makes {@link peakRssBytes} begin anew. */
export async function resetPeakRss(pid: number): Promise<void> {
  // proc_pid_clear_refs(5)
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

async function statusBytes(pid: number, field: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024;
}

/** Processor time that all processes of the machine have used since it started, in milliseconds. */
async function machineCpuMs(): Promise<number> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) * tickMs;
}

/** Who used the processors since the start of a {@link LoadMeter}. */
export interface Load {
  /** Processor time of the benchmark's own processes together, in milliseconds. */
  readonly ownCpuMs: number;
  /** Processors that were busy, on average, with processes other than the own ones. */
  readonly foreign: number;
}

/** Measures until it is stopped. */
export interface LoadMeter {
  /** `endedCpuMs` is the processor time of own processes that have come and gone meanwhile. */
  stop(endedCpuMs?: number): Promise<Load>;
}

/** Starts to measure; `pids` are the processes of the benchmark beside this one. */
export async function startLoadMeter(pids: readonly number[]): Promise<LoadMeter> {
  const own = [process.pid, ...pids];
  const ownMs = async (): Promise<number> =>
    (await Promise.all(own.map(cpuMs))).reduce((sum, ms) => sum + ms, 0);
  const [allBefore, ownBefore, startedAt] = [await machineCpuMs(), await ownMs(), performance.now()];
  return {
    stop: async (endedCpuMs = 0) => {
      const [all, mine, ms] = [await machineCpuMs(), await ownMs(), performance.now() - startedAt];
      const ownCpuMs = mine - ownBefore + endedCpuMs;
      return { ownCpuMs, foreign: Math.max(0, (all - allBefore - ownCpuMs) / ms) };
    },
  };
}
