import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

import { ensureAssets } from './assets.ts';
import { type ClusterFacts, startCluster } from './cluster.ts';
import { OperatorProcess } from './operator-process.ts';
import { createOperatorCredentials, refusedRequests } from './operator-rights.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The cluster that all integration tests of a run share; `sharedCluster` of fixture.ts makes it usable. */
    readonly cluster: ClusterFacts;
    /** `http://host:port` of the health endpoints of the operator that runs in it. */
    readonly operatorHealthUrl: string;
  }
}

const crdFolder = fileURLToPath(new URL('../../crds/', import.meta.url));

/**
 * Starts the cluster of a test run and the operator in it, which has the rights of config/default and no others:
 * called by vitest once, before the integration tests.
 * The function that it returns ends both. On SIGINT and SIGTERM vitest exits without calling it; exit handlers
 * then end the programs and remove their folder.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.once('SIGHUP', exitOnHangup);
  const cluster = await startCluster({
    assets: await ensureAssets(),
    crds: crdFolder,
    users: [{ name: 'alice' }, { name: 'bob' }],
  });
  try {
    const { token, kubeconfigPath } = await createOperatorCredentials(cluster);
    const policy = join(cluster.dir, 'registry-policy.json');
    await writeFile(policy, JSON.stringify(mirrorPolicy(cluster.registry.host)));
    const operator = await OperatorProcess.start({
      kubeconfigPath,
      elects: true,
      // Tests do not wait half a minute for a second try.
      args: ['--retry-min=500ms', `--registry-policy=${policy}`, '--lease-namespace=imagestream-operator'],
    });
    const { facts } = cluster;
    project.provide('cluster', {
      ...facts,
      tokens: { ...facts.tokens, operator: token },
      kubeconfigs: { ...facts.kubeconfigs, operator: kubeconfigPath },
    });
    project.provide('operatorHealthUrl', operator.healthUrl);
    return async () => {
      await operator.stop();
      await cluster.stop();
      process.off('SIGHUP', exitOnHangup);
      const refused = refusedRequests(operator.logs);
      if (refused.length > 0)
        throw new Error(`config/default lacks a right that the operator uses:\n${refused.join('\n')}`);
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Registries of the world that manifests name: their images are in the run's registry, below the name of their host. */
function mirrorPolicy(registryHost: string): object {
  const prefixes = ['registry.redhat.io', 'quay.io/sclorg'];
  return {
    mirrors: prefixes.map((prefix) => ({ prefix, mirrors: [`${registryHost}/${prefix}`] })),
    insecure: [registryHost],
  };
}

/** The terminal was closed: by default Node.js would end without its exit handlers. */
function exitOnHangup(): void {
  process.exit(129);
}
