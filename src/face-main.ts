/** The process of the API face: settings in, server up, signals, exit code. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { startFace } from './face/face.ts';
import { createLogger } from './observability/logger.ts';

const usage = `imagestream-operator API face: image.openshift.io/v1 for the unmodified oc

usage: npm run start:api -- --tls-cert-file FILE --tls-private-key-file FILE [flags]

  --tls-cert-file FILE         certificate that the APIService trusts, in PEM
  --tls-private-key-file FILE  its key, in PEM
  --host VALUE                 address to listen on (default 0.0.0.0)
  --port VALUE                 port to listen on; 0 lets the system choose (default 8443)
  --kubeconfig FILE            default: KUBECONFIG, ~/.kube/config, or the pod's service account
  --local-registry VALUE       host and port of the registry that serves the cluster's streams
  --help                       this text
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      'tls-cert-file': { type: 'string' },
      'tls-private-key-file': { type: 'string' },
      host: { type: 'string', default: '0.0.0.0' },
      port: { type: 'string', default: '8443' },
      kubeconfig: { type: 'string' },
      'local-registry': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const { 'tls-cert-file': certificateFile, 'tls-private-key-file': keyFile } = values;
  if (certificateFile === undefined || keyFile === undefined)
    throw new Error('--tls-cert-file and --tls-private-key-file are needed; see --help');
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port}: must be a port`);
  const face = await startFace({
    kubeconfig: values.kubeconfig,
    host: values.host,
    port,
    certificate: await readFile(certificateFile, 'utf8'),
    key: await readFile(keyFile, 'utf8'),
    localRegistry: values['local-registry'],
    log: createLogger('info'),
    userAgent: `imagestream-operator-api/${packageJson.version}`,
  });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await face.stop();
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
