/**
 * Copies the manifests of crds/ and config/ into the Helm chart, which can hold files but not reach outside of its folder. Its
 * templates put them into a namespace and change what the values say.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `Usage: node scripts/generate-chart.ts [--check] [--help]

Copies manifests into charts/imagestream-operator/files/.

  --check  write nothing; exit 1 when a copy is stale
  --help   print this text
`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILES = 'charts/imagestream-operator/files';

/** Folders of the chart's files, and what is in them. Not the Namespace, which Helm makes itself. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  crds: ['crds/images.yaml', 'crds/imagestreams.yaml', 'crds/imagestreamtags.yaml'],
  operator: [
    'config/operator/deployment.yaml',
    'config/operator/disruption-budget.yaml',
    'config/operator/network-policy.yaml',
    'config/operator/operator-rights.yaml',
    'config/operator/user-rights.yaml',
  ],
  api: [
    'config/api/face/api-service.yaml',
    'config/api/face/deployment.yaml',
    'config/api/face/disruption-budget.yaml',
    'config/api/face/network-policy.yaml',
    'config/api/face/rights.yaml',
    'config/api/face/service.yaml',
    'config/api/front-proxy-rights.yaml',
  ],
  namespaced: ['config/namespaced/deployment.yaml', 'config/namespaced/rights.yaml'],
  notifications: [
    'config/components/notifications/deployment.yaml',
    'config/components/notifications/network-policy.yaml',
    'config/components/notifications/service.yaml',
  ],
  'pod-monitor': ['config/components/pod-monitor/pod-monitor.yaml'],
};

await main();

async function main(): Promise<void> {
  const { check, help } = parseArgs({
    options: { check: { type: 'boolean' }, help: { type: 'boolean' } },
  }).values;
  if (help) process.stdout.write(USAGE);
  else await (check ? checkCopies() : writeCopies());
}

/** Texts of the chart's files by their path in the repository. */
async function copies(): Promise<ReadonlyMap<string, string>> {
  const pairs = Object.entries(SOURCES).flatMap(([folder, sources]) =>
    sources.map(async (source) => {
      const text = await readFile(join(ROOT, source), 'utf8');
      return [`${FILES}/${folder}/${basename(source)}`, text] as const;
    }),
  );
  return new Map(await Promise.all(pairs));
}

async function writeCopies(): Promise<void> {
  await rm(join(ROOT, FILES), { recursive: true, force: true });
  for (const [path, text] of await copies()) {
    await mkdir(join(ROOT, dirname(path)), { recursive: true });
    await writeFile(join(ROOT, path), text);
    process.stdout.write(`${path}\n`);
  }
}

async function checkCopies(): Promise<void> {
  const wanted = await copies();
  const present = await readdir(join(ROOT, FILES), { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = present
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
  const faults = paths.filter((path) => !wanted.has(path)).map((path) => `${path} is a copy of nothing.`);
  for (const [path, text] of wanted) {
    const isSame = (await readFile(join(ROOT, path), 'utf8').catch(() => '')) === text;
    if (!isSame) faults.push(`${path} is stale.`);
  }
  if (faults.length === 0) return;
  process.stderr.write(`${faults.join('\n')}\nRun: npm run generate\n`);
  process.exitCode = 1;
}
