/** The process: settings in, operator up, signals, exit code. The only file of `src/` that touches `process`. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import packageJson from '../package.json' with { type: 'json' };
import { parseInvocation } from './invocation.ts';
import { createLogger } from './observability/logger.ts';
import { Metrics } from './observability/metrics.ts';
import { startOperator } from './operator.ts';
import { parseProxySettings } from './registry/proxy.ts';
import { systemClock } from './runtime/clock.ts';
import { collectGarbage } from './runtime/garbage.ts';

/** Work under way may end for this long after SIGTERM; the process is gone two seconds later at the latest. */
const graceMs = 6_000;
const lastCallMs = 9_000;

async function main(): Promise<number> {
  const invocation = parseInvocation('operator', process.argv.slice(2), process.env);
  if (invocation.kind === 'help') {
    process.stdout.write(invocation.text);
    return 0;
  }
  if (invocation.kind === 'invalid') {
    process.stderr.write(`${invocation.faults.join('\n')}\nSee --help for the settings.\n`);
    return 2;
  }
  const { config } = invocation;
  const log = createLogger(config.logLevel);
  const signalled = firstSignal(['SIGTERM', 'SIGINT']);
  const starting = startOperator({
    config,
    log,
    metrics: new Metrics(),
    clock: systemClock,
    freeMemory: collectGarbage,
    proxies: parseProxySettings(process.env),
    userAgent: `imagestream-operator/${packageJson.version}`,
    podAddress: process.env['POD_IP'],
    identity: `${process.env['POD_NAME'] ?? hostname()}_${randomUUID()}`,
  });
  const operator = await Promise.race([starting, signalled.then(() => undefined)]);
  if (operator === undefined) return 0;
  // Another one leads by now, or soon: there is nothing to drain, and nothing that is under way may go on, not even to
  // say that it failed.
  if (operator.lost.aborted) return 1;
  operator.lost.addEventListener('abort', () => process.exit(1), { once: true });
  await signalled;
  setTimeout(() => process.exit(1), lastCallMs).unref();
  await operator.stop(graceMs);
  return 0;
}

/** Resolves at the first of the signals. */
function firstSignal(signals: readonly NodeJS.Signals[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of signals) process.once(signal, () => resolve());
  return promise;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
