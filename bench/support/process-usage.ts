/** What processes and the machine have used, as Linux counts it in /proc. */
import { readFile } from 'node:fs/promises';

/** Length of a tick in /proc: USER_HZ, 100 on every Linux that Node runs on. */
const tickMs = 10;

/** Processor time that a process has used since it started, in milliseconds; 0 when there is no such process. */
export async function cpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold spaces; utime and stime are the fields 14 and 15 (proc_pid_stat(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs;
}

/** The most memory that a process ever had, in bytes. */
export async function peakRssBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) * 1024;
}

/** Processor time that all processes of the machine have used since it started, in milliseconds. */
async function machineCpuMs(): Promise<number> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) * tickMs;
}

/** Tells how much of the machine somebody else used. */
export interface ForeignLoad {
  /** Processors that were busy, on average since the start, with processes other than the own ones. */
  stop(): Promise<number>;
}

/** Starts to measure what else runs; `pids` are the processes of the benchmark beside this one. */
export async function startForeignLoad(pids: readonly number[]): Promise<ForeignLoad> {
  const own = [process.pid, ...pids];
  const ownMs = async (): Promise<number> =>
    (await Promise.all(own.map(cpuMs))).reduce((sum, ms) => sum + ms, 0);
  const [allBefore, ownBefore, startedAt] = [await machineCpuMs(), await ownMs(), performance.now()];
  return {
    stop: async () => {
      const [all, mine, ms] = [await machineCpuMs(), await ownMs(), performance.now() - startedAt];
      return Math.max(0, (all - allBefore - (mine - ownBefore)) / ms);
    },
  };
}
