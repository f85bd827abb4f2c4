// The API face as an administrator installs it; what it then does is in api-face.test.ts.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { type SharedCluster, sharedCluster } from '../support/fixture.ts';

const folder = fileURLToPath(new URL('../../config/api/', import.meta.url));

let cluster: SharedCluster;

beforeAll(() => {
  cluster = sharedCluster();
});
afterAll(() => cluster.close());

it('is accepted by kubectl apply, which has to take a label of the APIService that is there', async () => {
  const apply = ['apply', '--server-side', '--dry-run=server', '-k', folder];
  expect((await cluster.kubectl(apply)).stderr).toContain('kube-aggregator.kubernetes.io/automanaged');
  const { stdout, stderr, exitCode } = await cluster.kubectl([...apply, '--force-conflicts']);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  expect(stdout.trim().split('\n').toSorted()).toEqual([
    'apiservice.apiregistration.k8s.io/v1.image.openshift.io serverside-applied (server dry run)',
    'clusterrole.rbac.authorization.k8s.io/imagestream-operator-api serverside-applied (server dry run)',
    'clusterrolebinding.rbac.authorization.k8s.io/imagestream-operator-api serverside-applied (server dry run)',
    'deployment.apps/imagestream-operator-api serverside-applied (server dry run)',
    'networkpolicy.networking.k8s.io/imagestream-operator-api serverside-applied (server dry run)',
    'poddisruptionbudget.policy/imagestream-operator-api serverside-applied (server dry run)',
    'role.rbac.authorization.k8s.io/imagestream-operator-api serverside-applied (server dry run)',
    'rolebinding.rbac.authorization.k8s.io/imagestream-operator-api serverside-applied (server dry run)',
    'rolebinding.rbac.authorization.k8s.io/imagestream-operator-api-front-proxy serverside-applied (server dry run)',
    'service/imagestream-operator-api serverside-applied (server dry run)',
    'serviceaccount/imagestream-operator-api serverside-applied (server dry run)',
  ]);
});
