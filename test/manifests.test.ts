// The manifests as they stand in config/, without a cluster: what must hold for whatever is put there.
import { globSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { read, root } from './support/documents.ts';
import { hardeningFaults, type InstalledDeployment } from './support/hardening.ts';
import type { KubeObject } from './support/resources.ts';

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Role extends KubeObject {
  readonly rules: readonly Rule[];
}

interface PortRule {
  readonly ports?: readonly { readonly port?: number | string }[];
}

interface NetworkPolicy extends KubeObject {
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly PortRule[];
    readonly egress?: readonly PortRule[];
  };
}

const objects = globSync('config/**/*.yaml', { cwd: root, exclude: ['config/samples/**'] })
  .filter((path) => !path.endsWith('kustomization.yaml'))
  .flatMap((path) => loadAll(read(path)) as KubeObject[]);

/** The Deployments as they are; a patch for one has no labels. */
const deployments = ofKind<InstalledDeployment>('Deployment')
  .filter(({ metadata }) => metadata.labels !== undefined)
  .map((deployment) => [deployment.metadata.name, deployment] as const);
const policies = ofKind<NetworkPolicy>('NetworkPolicy');

describe('the Deployments', () => {
  it('are those of the operator and of the API face', () => {
    expect(deployments.map(([name]) => name).toSorted()).toEqual([
      'imagestream-operator',
      'imagestream-operator-api',
    ]);
  });

  it.each(deployments)('%s has pods that may do no more than they have to', (_, deployment) => {
    // The image gets its version in the kustomization, which test/build.test.ts looks at.
    expect(hardeningFaults(deployment).map((fault) => fault.replace(/^the container \S+ /, ''))).toEqual([
      'has an image without a version',
    ]);
  });

  it.each(deployments)(
    '%s has pods to which nothing is open but what a NetworkPolicy opens',
    (_, { spec }) => {
      const { labels } = spec.template.metadata;
      const own = policies.filter(({ spec: policy }) => selects(policy.podSelector, labels));
      const named = spec.template.spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name));

      expect(own.length).toBeGreaterThan(0);
      for (const policy of own) expect(policy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
      expect(named.length).toBeGreaterThan(0);
      expect(portsOf(own.flatMap((policy) => policy.spec.ingress ?? []))).toEqual(
        expect.arrayContaining(named),
      );
      // A rule without ports opens all of them.
      const rules = own.flatMap((policy) => [...(policy.spec.ingress ?? []), ...(policy.spec.egress ?? [])]);
      expect(rules.filter(({ ports = [] }) => ports.length === 0)).toEqual([]);
    },
  );

  it.each(deployments)('%s has a PodDisruptionBudget', (_, { spec }) => {
    const budgets = ofKind<KubeObject & { spec: { selector: Selector } }>('PodDisruptionBudget');
    const own = budgets.filter((budget) => selects(budget.spec.selector, spec.template.metadata.labels));
    expect(own).toHaveLength(1);
  });
});

describe('the ServiceAccounts', () => {
  it('give no token to a pod that does not ask for it', () => {
    const accounts = ofKind<KubeObject & { automountServiceAccountToken?: boolean }>('ServiceAccount');
    expect(accounts.length).toBeGreaterThan(1);
    expect(
      accounts.filter(({ automountServiceAccountToken }) => automountServiceAccountToken !== false),
    ).toEqual([]);
  });
});

describe('the rules of all roles', () => {
  it('name each right: nothing is given by a wildcard', () => {
    const roles = objects.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role') as Role[];
    const words = roles.flatMap(({ rules }) =>
      rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]),
    );
    expect(words.length).toBeGreaterThan(50);
    expect(words.filter((word) => word.includes('*'))).toEqual([]);
  });
});

describe('the rights of an operator of one namespace', () => {
  it('are those of an operator of all, without Images and questions about the rights of others', () => {
    const role = (name: string) =>
      objects.find(({ kind, metadata }) => kind?.endsWith('Role') && metadata.name === name) as
        | Role
        | undefined;
    const all = role('imagestream-operator')?.rules ?? [];
    const some = role('imagestream-operator-namespace')?.rules ?? [];
    const isMissing = ({ resources: [kind = ''] }: Rule): boolean =>
      ['images', 'subjectaccessreviews'].includes(kind);
    expect(all.filter(isMissing)).toHaveLength(2);
    expect(some).toEqual(all.filter((rule) => !isMissing(rule)));
  });
});

describe('the check of pods', () => {
  const [, operator] = deployments[0] ?? [];

  it.each<{ name: string; pod?: object; container?: object; fault: string }>([
    { name: 'no security context', pod: { securityContext: {} }, fault: 'the pod may run as root' },
    { name: 'the network of the machine', pod: { hostNetwork: true }, fault: 'the pod shares a namespace' },
    {
      name: 'a folder of the machine',
      pod: { volumes: [{ hostPath: {} }] },
      fault: 'a volume of the machine',
    },
    { name: 'a file system to write to', container: { securityContext: {} }, fault: 'may write to its file' },
    { name: 'capabilities', container: { securityContext: {} }, fault: 'keeps capabilities' },
    {
      name: 'a way to more privileges',
      container: { securityContext: {} },
      fault: 'may get more privileges',
    },
    { name: 'no bound of memory', container: { resources: {} }, fault: 'has no limit of memory' },
    {
      name: 'an image that moves',
      container: { image: 'a/b:latest' },
      fault: 'has an image without a version',
    },
  ])('finds $name', ({ pod, container, fault }) => {
    if (operator === undefined) throw new Error('There is no Deployment.');
    const { template } = operator.spec;
    const containers = template.spec.containers.map((each) => ({ ...each, image: 'a/b:1', ...container }));
    const sound = {
      ...template,
      spec: {
        ...template.spec,
        containers: template.spec.containers.map((each) => ({ ...each, image: 'a/b:1' })),
      },
    };
    const changed = { ...template, spec: { ...template.spec, containers, ...pod } };
    expect(hardeningFaults({ ...operator, spec: { template: sound } })).toEqual([]);
    expect(hardeningFaults({ ...operator, spec: { template: changed } }).join('\n')).toContain(fault);
  });
});

function ofKind<T extends KubeObject>(kind: string): T[] {
  return objects.filter((object) => object.kind === kind) as T[];
}

function selects({ matchLabels = {} }: Selector, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}

function portsOf(rules: readonly PortRule[]): (number | string | undefined)[] {
  return rules.flatMap(({ ports = [] }) => ports.map(({ port }) => port));
}
