// The YAML of the documents is put to a real API server, and their kubectl commands are run: what writes, as a rehearsal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { chmod, copyFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { codeBlocks, read, root, shellCommands } from '../support/documents.ts';
import { type SharedCluster, sharedCluster } from '../support/fixture.ts';
import { type BuiltImage, pushImage, pushIndex } from '../support/images.ts';
import { imageStreams, namespaces } from '../support/resources.ts';
import { Scenario, trigger, triggers } from '../support/scenario.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root }).sort()];

interface Manifest {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: { readonly tags?: unknown; readonly selector?: unknown };
  readonly tags?: unknown;
}

/** Groups that a cluster without these products does not have, and kustomize's files, which are for kubectl only. */
const foreignGroups = /^(?:argoproj\.io|shipwright\.io|kustomize\.config\.k8s\.io)\//;

/** A whole object as it is, and parts of a stream with the rest of it; nothing of other parts. */
function wholeObjects(document: unknown): readonly object[] {
  if (Array.isArray(document)) return wholeObjects({ tags: document });
  const { apiVersion, kind, metadata, spec, tags } = (document ?? {}) as Manifest;
  if (apiVersion !== undefined && kind !== undefined) {
    // A Deployment without a selector is a patch for a kustomization.
    const isPatch = kind === 'Deployment' && spec?.selector === undefined;
    const { namespace: _, ...placeless } = metadata ?? {};
    return isPatch || foreignGroups.test(apiVersion)
      ? []
      : [{ ...(document as object), metadata: placeless }];
  }
  const streamSpec = tags === undefined ? spec : { tags };
  if (streamSpec?.tags === undefined && metadata === undefined) return [];
  const name = { name: 'part', ...metadata };
  return [
    { apiVersion: 'image.openshift.io/v1', kind: 'ImageStream', metadata: name, spec: streamSpec ?? {} },
  ];
}

/** Commands that are for something else than the namespace of a user, and where they are tried. */
const elsewhere: readonly RegExp[] = [
  // An installation: install.test.ts, uninstall.test.ts.
  / -k |-n imagestream-operator|config\/api|crd /,
  // The API face: api-face.test.ts.
  /apiservice/,
  // The file of the person's own cluster.
  /kubectl config /,
  // A roll-out needs nodes.
  /kubectl rollout /,
];

/** What prints nothing for an image of one platform, or when the image is the same. */
const mayBeSilent = /kubectl get istag shop\.testing .*dockerImageManifests|kubectl set image /;

const kubectlCommands = new Map(
  pages.flatMap((path) =>
    shellCommands(read(path))
      .filter((command) => /^(?:\w+=\$\()?kubectl /.test(command))
      .filter((command) => !elsewhere.some((pattern) => pattern.test(command)))
      // The same command on several pages is run once.
      .map((command) => [command, path] as const),
  ),
);

let cluster: SharedCluster;
let scenario: Scenario;
let folder: TemporaryFolder;

/** A namespace that the documents name beside the one in which they are. */
const other = { name: 'base' };

beforeAll(async () => {
  cluster = sharedCluster();
  scenario = await Scenario.start(cluster);
  folder = await createTemporaryFolder();
  await cluster.kube.create(namespaces, { metadata: other });
  const names = ['stable', 'candidate', 'production', 'testing', 'arm', '1.4'];
  const tags = names.map((name) => scenario.dockerTag(name, '1'));
  await push('old');
  for (const stream of ['web', 'shop', 'app']) await scenario.createTags(stream, tags);
  await cluster.kube.create(imageStreams, {
    metadata: {
      namespace: scenario.namespace,
      name: 'python',
      annotations: { 'openshift.io/image.insecureRepository': 'true' },
    },
    spec: { dockerImageRepository: `${scenario.proxy.host}/${scenario.repository}` },
  });
  await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:stable', 'web')));
  for (const stream of ['web', 'shop']) await scenario.tagObjectIs(`${stream}.stable`, ({ image }) => image);
  const moved = await push('new');
  await scenario.requestImport('web');
  await scenario.requestImport('shop');
  await scenario.containerHas('web', 'web', scenario.pinned(moved.digest));
  await scenario.tagHas('shop', 'production', moved.digest);
  const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
  const index = { host: cluster.registryHost, repository: scenario.repository, tag: 'index' };
  const { digest } = await pushIndex(index, { content: 'index', platforms });
  const kept = { importPolicy: { insecure: true, importMode: 'PreserveOriginal' } };
  await scenario.setTags('shop', [scenario.dockerTag('stable', 'index', kept), ...tags.slice(1)]);
  await scenario.tagObjectIs('shop.stable', ({ image }) => image?.metadata?.name === digest);
  await prepareFolder(folder.path);
});
afterAll(async () => {
  await folder?.remove();
  await scenario?.[Symbol.asyncDispose]();
  await cluster?.kube.delete(namespaces, other);
  await cluster?.close();
});

function push(content: string): Promise<BuiltImage> {
  const target = { host: cluster.registryHost, repository: scenario.repository, tag: '1' };
  return pushImage(target, { content, environment: { A: 'b' } });
}

/** What commands find around them: the repository, files that a reader has made, and a kubectl that only rehearses. */
async function prepareFolder(path: string): Promise<void> {
  for (const name of ['config', 'crds']) await symlink(join(root, name), join(path, name));
  const deployment = join(root, 'config/samples/deployment.yaml');
  await copyFile(deployment, join(path, 'deployment.yaml'));
  await copyFile(join(root, 'config/samples/image-stream.yaml'), join(path, 'streams.json'));
  await copyFile(join(root, 'config/samples/registry-policy.yaml'), join(path, 'registry-policy.yaml'));
  await writeFile(join(path, 'company-ca.pem'), 'a certificate');
  const kubeconfig = await cluster.kubectl(['config', 'view', '--raw']);
  await writeFile(join(path, 'kubeconfig'), kubeconfig.stdout);
  const here = ['--kubeconfig', join(path, 'kubeconfig'), '--current', `--namespace=${scenario.namespace}`];
  expect(await cluster.kubectl(['config', 'set-context', ...here])).toMatchObject({ exitCode: 0 });
  const rehearsal = `#!/bin/sh
case " $* " in
  *" --local "*) ;;
  *" annotate "*|*" patch "*|*" create "*|*" apply "*|*" delete "*|*" set image "*) rehearse=--dry-run=server ;;
esac
exec ${join(cluster.facts.assets, 'kubectl')} "$@" $rehearse
`;
  await writeFile(join(path, 'kubectl'), rehearsal);
  await chmod(join(path, 'kubectl'), 0o700);
}

describe('the YAML of the documents', () => {
  it('is accepted by the API server where it is a whole object or a part of a stream', async () => {
    const objects = pages
      .flatMap((path) => codeBlocks(read(path), 'yaml'))
      .flatMap((yaml) => loadAll(yaml))
      .flatMap(wholeObjects);
    expect(objects.length).toBeGreaterThan(15);
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const create = ['create', '--dry-run=server', `--namespace=${scenario.namespace}`, '-f', '-'];
    const { stderr } = await cluster.kubectl(create, { input });
    expect(stderr.split('\n').filter((line) => line !== '' && !line.includes('already exists'))).toEqual([]);
  });
});

describe('the kubectl commands of the documents', () => {
  it.each([...kubectlCommands])('%s', async (command, path) => {
    const [, variable] = /^(\w+)=/.exec(command) ?? [];
    const here = command.replaceAll(/-n (?:shop|demo)\b/g, `-n ${scenario.namespace}`);
    const shown = variable === undefined ? '' : `echo "$${variable}"`;
    const { printed, code } = await shell([variables, here, shown].join('\n'));
    // What a reader creates is here already.
    if (!/^error: .* already exists$/m.test(printed))
      expect({ path, code, printed }).toMatchObject({ code: 0 });
    if (!mayBeSilent.test(command)) expect(printed, path).not.toBe('');
  });
});

/** What variables of the documents stand for. */
const sample = `sha256:${'7'.repeat(64)}`;
const variables = [
  `OLD=${sample} GOOD=registry.example.com/shop@${sample} OTHER=registry.example.com/shop:1`,
  'REGISTRY=registry.example.com PASSWORD=secret SECRET=secret',
].join('\n');

/** Runs a script in the prepared folder, to its end or its first fault. */
async function shell(script: string): Promise<{ readonly printed: string; readonly code: number }> {
  const child = spawn('sh', ['-ec', script], {
    cwd: folder.path,
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: [folder.path, process.env['PATH'] ?? ''].join(delimiter),
      KUBECONFIG: join(folder.path, 'kubeconfig'),
      KUBECACHEDIR: join(folder.path, 'cache'),
      KUBERC: 'off',
    },
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { printed: `${stdout}${stderr}`.trim(), code: code ?? 1 };
}
