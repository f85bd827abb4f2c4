/** npm run demo: the whole product in a minute, on real programs that are gone when it ends. */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureAssets } from '../test/support/assets.ts';
import { type Cluster, startCluster } from '../test/support/cluster.ts';
import { pushImage } from '../test/support/images.ts';
import { OperatorProcess } from '../test/support/operator-process.ts';
import { Shop } from './kubectl-shop.ts';
import { shopManifest } from './shop.ts';
import { Story } from './story.ts';

const usage = `npm run demo [-- --keep]

Starts a Kubernetes control plane and a registry on loopback, runs the operator against them, and shows how
a Deployment follows an image stream tag: imported, moved, rolled back, and kept while the registry is down.

  --keep   leave everything running until Ctrl-C, and print where the kubeconfig is
  --help   this text
`;

const root = fileURLToPath(new URL('..', import.meta.url));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return;
  }
  const interrupt = new AbortController();
  // kubectl is shown crds/ as a person in the checkout would type it.
  process.chdir(root);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // The second time somebody is out of patience; the programs die with this process.
      if (interrupt.signal.aborted) process.exit(130);
      interrupt.abort(new Error(`stopped by ${signal}`));
    });
  }
  const story = new Story(interrupt.signal);
  const startedAt = performance.now();
  story.line('imagestream-operator: a Deployment that follows a tag, in a cluster of its own');
  await using stack = new AsyncDisposableStack();
  try {
    await tell(story, stack, { signal: interrupt.signal, keep: values.keep === true });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = 130;
  }
  await story.cleanUp(() => stack.disposeAsync());
  if (!interrupt.signal.aborted)
    story.line(`\nThat was all, in ${Math.round((performance.now() - startedAt) / 1000)} s.`);
}

async function tell(
  story: Story,
  stack: AsyncDisposableStack,
  { signal, keep }: { signal: AbortSignal; keep: boolean },
): Promise<void> {
  const { cluster, operator, shop } = await start(story, stack, signal);
  const target = { host: cluster.registry.host, repository: 'shop/web', tag: 'stable' };

  story.chapter('A tag and a Deployment that follows it');
  const first = await story.step('push an image as shop/web:stable', () =>
    pushImage(target, { content: 'the first' }),
  );
  await shop.apply(shopManifest('demo', `${target.host}/shop/web:stable`));
  await shop.deploymentRuns(first.digest, 'kubectl apply returned');
  await shop.show('get', 'imagestream', 'web');
  await shop.showImage();

  story.chapter('The tag moves');
  const second = await story.step('push another image under the same tag', () =>
    pushImage(target, { content: 'the second' }),
  );
  await shop.run(
    'annotate',
    'imagestream',
    'web',
    '--overwrite',
    `imagestream-operator/import-requested=${Date.now()}`,
  );
  await shop.deploymentRuns(second.digest, 'the request');
  await shop.showHistory();

  story.chapter('Back to the old image');
  const pinned = `${target.host}/shop/web@${first.digest}`;
  await shop.run('patch', 'imagestream', 'web', '--type=json', '-p', pointTagAt(pinned));
  await shop.deploymentRuns(first.digest, 'the patch');
  await shop.showHistory();

  story.chapter('The registry goes down');
  await story.step('stop the registry', () => cluster.registry.stop());
  await shop.run(
    'annotate',
    'imagestream',
    'web',
    '--overwrite',
    `imagestream-operator/import-requested=${Date.now()}`,
  );
  await shop.importFails();
  await shop.show('get', 'imagestream', 'web', '-o', 'wide');
  await shop.showImage();
  story.say('The last good image stays: in the history, and in the Deployment.');
  await shop.show(
    'get',
    'events',
    '--field-selector=reportingComponent=imagestream-operator',
    '--sort-by=.metadata.creationTimestamp',
    '-o',
    'custom-columns=ON:.involvedObject.kind,REASON:.reason,MESSAGE:.message',
  );

  if (keep) await stay(story, cluster, { operator, signal });
}

async function start(
  story: Story,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<{ cluster: Cluster; operator: OperatorProcess; shop: Shop }> {
  story.chapter('A cluster');
  // Without a step: building the programs for the first time shows its own progress.
  const assets = await ensureAssets({ signal });
  const cluster = await story.step('etcd, kube-apiserver, kube-controller-manager and a registry', () =>
    startCluster({ assets, signal }),
  );
  stack.defer(() => cluster.stop());
  const shop = new Shop({ story, cluster, signal });
  stack.defer(() => shop.close());
  await shop.run('apply', '--server-side', '-f', 'crds/');
  await shop.run('create', 'namespace', 'demo');
  const operator = await story.step('the operator (npm start)', () =>
    OperatorProcess.start({ kubeconfigPath: cluster.kubeconfigPath }),
  );
  stack.defer(async () => {
    await operator.stop();
  });
  return { cluster, operator, shop };
}

function pointTagAt(image: string): string {
  return JSON.stringify([{ op: 'replace', path: '/spec/tags/0/from/name', value: image }]);
}

/** Keeps everything running until a signal comes. */
async function stay(
  story: Story,
  cluster: Cluster,
  { operator, signal }: { operator: OperatorProcess; signal: AbortSignal },
): Promise<void> {
  await cluster.registry.start();
  story.line(`
The cluster stays until Ctrl-C. In another terminal:

  export KUBECONFIG=${cluster.kubeconfigPath}
  kubectl -n demo get imagestreams,deployments

The registry is at ${cluster.registry.host} (plain HTTP), the operator's metrics at ${operator.healthUrl}/metrics.`);
  const { promise, resolve } = Promise.withResolvers<void>();
  // Listening to an abort keeps no process alive.
  const alive = setInterval(() => undefined, 60_000);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearInterval(alive);
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? `\n${error.message}` : error);
  process.exitCode = 1;
});
