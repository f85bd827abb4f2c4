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
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await face.stop();
  return 0;
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
