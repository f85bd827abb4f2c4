/** The process of the API face: settings in, server up, signals, exit code. */
import { readFile } from 'node:fs/promises';
import packageJson from '../package.json' with { type: 'json' };
import type { FaceConfig } from './config.ts';
import { startFace } from './face/face.ts';
import type { ServingIdentity } from './face/serving-identity.ts';
import { parseInvocation } from './invocation.ts';
import { FaceMetrics } from './observability/face-metrics.ts';
import { createLogger } from './observability/logger.ts';
import { parseProxySettings } from './registry/proxy.ts';
import { collectGarbage } from './runtime/garbage.ts';

async function main(): Promise<number> {
  const invocation = parseInvocation('face', process.argv.slice(2), process.env);
  if (invocation.kind === 'help') {
    process.stdout.write(invocation.text);
    return 0;
  }
  if (invocation.kind === 'invalid') {
    process.stderr.write(`${invocation.faults.join('\n')}\nSee --help for the settings.\n`);
    return 2;
  }
  const { config } = invocation;
  const face = await startFace({
    config,
    identity: identityOf(config),
    proxies: parseProxySettings(process.env),
    log: createLogger(config.logLevel),
    metrics: new FaceMetrics(),
    userAgent: `imagestream-operator-api/${packageJson.version}`,
  });
  const stopGiving = giveMemoryBack();
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  stopGiving();
  await face.stop();
  return 0;
}

const lookMs = 20_000;
const grownBytes = 24 * 1024 * 1024;

/** Lists and watches leave much behind, and V8 keeps it for as long as nothing needs it. */
function giveMemoryBack(): () => void {
  let kept = process.memoryUsage.rss();
  const timer = setInterval(() => {
    if (process.memoryUsage.rss() < kept + grownBytes) return;
    collectGarbage();
    kept = process.memoryUsage.rss();
  }, lookMs);
  return () => clearInterval(timer);
}

function identityOf({ certificateFile, keyFile }: FaceConfig): (() => Promise<ServingIdentity>) | undefined {
  if (certificateFile === undefined || keyFile === undefined) return undefined;
  return async () => ({
    certificate: await readFile(certificateFile, 'utf8'),
    key: await readFile(keyFile, 'utf8'),
  });
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
