/** The process of the API face: settings in, server up, signals, exit code. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { startFace } from './face/face.ts';
import type { ServingIdentity } from './face/serving-identity.ts';
import { createLogger } from './observability/logger.ts';

const usage = `imagestream-operator API face: image.openshift.io/v1 for the unmodified oc

usage: npm run start:api -- [flags]

  --tls-cert-file FILE         certificate that the APIService trusts, in PEM, read again when it changes; without it the
                               face makes an authority and a certificate, keeps them in the Secret
                               imagestream-operator-api-serving, renews them, and tells the APIService
  --tls-private-key-file FILE  its key, in PEM
  --namespace VALUE            where the face runs (default: POD_NAMESPACE, else imagestream-operator)
  --service VALUE              Service by which the API server reaches it (default imagestream-operator-api)
  --host VALUE                 address to listen on (default 0.0.0.0)
  --port VALUE                 port to listen on; 0 lets the system choose (default 8443)
  --kubeconfig FILE            default: KUBECONFIG, ~/.kube/config, or the pod's service account
  --local-registry VALUE       host and port of the registry that serves the cluster's streams
  --history-limit VALUE        history items that a tag keeps after a push; as the operator's setting (default 50)
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
      namespace: { type: 'string' },
      service: { type: 'string', default: 'imagestream-operator-api' },
      'local-registry': { type: 'string' },
      'history-limit': { type: 'string', default: '50' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const { 'tls-cert-file': certificateFile, 'tls-private-key-file': keyFile } = values;
  if ((certificateFile === undefined) !== (keyFile === undefined))
    throw new Error('--tls-cert-file and --tls-private-key-file go together');
  // oxlint-disable-next-line node/no-process-env -- the one variable, set by the Deployment
  const podNamespace = process.env['POD_NAMESPACE'];
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port}: must be a port`);
  const historyLimit = Number(values['history-limit']);
  if (!Number.isInteger(historyLimit) || historyLimit < 1 || historyLimit > 1_000)
    throw new Error(`--history-limit ${values['history-limit']}: must be a number from 1 to 1000`);
  const face = await startFace({
    kubeconfig: values.kubeconfig,
    host: values.host,
    port,
    identity:
      certificateFile === undefined || keyFile === undefined
        ? undefined
        : () => readIdentity(certificateFile, keyFile),
    namespace: values.namespace ?? podNamespace ?? 'imagestream-operator',
    service: values.service,
    localRegistry: values['local-registry'],
    historyLimit,
    log: createLogger('info'),
    userAgent: `imagestream-operator-api/${packageJson.version}`,
  });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await face.stop();
  return 0;
}

async function readIdentity(certificateFile: string, keyFile: string): Promise<ServingIdentity> {
  return { certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
