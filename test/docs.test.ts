import { existsSync, globSync, readdirSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import type { ImageStream } from '../src/api/generated/image-stream.ts';
import { type KubeObject, storedVersion } from '../src/api/resources.ts';
import { keepTriggered, workloadKinds } from '../src/controllers/workloads.ts';
import { parseImageReference } from '../src/domain/image-reference.ts';
import { describeFailure, type ImportFailureCode, isRetried } from '../src/domain/import-failure.ts';
import { planTriggers } from '../src/domain/trigger-plan.ts';
import { FaceMetrics } from '../src/observability/face-metrics.ts';
import { Metrics } from '../src/observability/metrics.ts';
import { settings } from '../src/settings.ts';
import { anchorsOf, matches, read, root, sourceFiles, table, withoutCode } from './support/documents.ts';

/** Texts of all documents by their path in the repository. */
const documents: ReadonlyMap<string, string> = new Map(
  globSync(['*.md', 'docs/**/*.md'], { cwd: root })
    .sort()
    .map((path) => [path, read(path)]),
);

const metrics = await readMetrics(new Metrics());
const faceMetrics = await readMetrics(new FaceMetrics());

describe('the documents', () => {
  it('are all there', () => {
    expect([...documents.keys()]).toEqual(
      expect.arrayContaining([
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'README.md',
        'docs/adr/README.md',
        'docs/architecture.md',
        'docs/benchmarks.md',
        'docs/README.md',
        'docs/concepts.md',
        'docs/first-steps.md',
        'docs/how-to/behind-a-proxy.md',
        'docs/how-to/migrate-from-openshift.md',
        'docs/how-to/multi-arch.md',
        'docs/how-to/private-registry.md',
        'docs/how-to/push-notifications.md',
        'docs/how-to/rollback.md',
        'docs/how-to/scheduled-imports.md',
        'docs/how-to/share-images.md',
        'docs/how-to/tags-as-objects.md',
        'docs/how-to/tags-that-follow.md',
        'docs/how-to/whole-repositories.md',
        'docs/reference/annotations.md',
        'docs/reference/conditions.md',
        'docs/reference/events.md',
        'docs/reference/metrics.md',
        'docs/reference/registry-policy.md',
        'docs/reference/security.md',
        'docs/reference/settings.md',
        'docs/troubleshooting.md',
      ]),
    );
  });

  it.each([...documents])('%s has no dead links', (path, text) => {
    expect(linksOf(text).filter((link) => !leadsSomewhere(path, link))).toEqual([]);
  });

  it.each([...documents])('%s names only files that exist', (path, text) => {
    expect(filesNamedIn(text).filter((name) => !isFileOfRepository(path, name))).toEqual([]);
  });

  it.each([...documents])('%s names only npm scripts that exist', (_path, text) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(npmScriptsNamedIn(text).filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it.each([...documents])('%s names only settings and metrics that exist', (_path, text) => {
    const variables = new Set(Object.values(settings).map(({ env }) => env));
    // A histogram is asked for by its buckets.
    const names = new Set([...metrics, ...faceMetrics].flatMap(({ name }) => [name, `${name}_bucket`]));
    const unknown = [
      ...matches(text, /\b(IMAGESTREAM_[A-Z_]*[A-Z])\b/g).filter((name) => !variables.has(name)),
      ...matches(text, /\b(imagestream_[a-z_]*[a-z])\b/g).filter((name) => !names.has(name)),
    ];
    expect(unknown).toEqual([]);
  });

  it.each([...documents])('%s names no place on somebody’s machine', (_path, text) => {
    expect(matches(text, /((?:\/(?:home|root|Users|work|dev\/shm|tmp|mnt)\/|[A-Z]:\\)[^\s`]*)/g)).toEqual([]);
  });
});

describe('docs/reference/settings.md', () => {
  it('has every setting of both programs as the code has it', () => {
    const names: Readonly<Record<string, string>> = { operator: 'operator', face: 'API face' };
    const rows = Object.values(settings).map(({ flag, env, fallback, programs, help }) => [
      `\`--${flag}\``,
      `\`${env}\``,
      fallback ? `\`${fallback}\`` : '',
      programs.length > 1 ? 'both' : names[programs[0]],
      help,
    ]);
    const header = ['Flag', 'Environment', 'Default', 'Program', 'Meaning'];
    expect(table('docs/reference/settings.md', header)).toEqual(rows);
  });
});

describe('the tables of metrics', () => {
  it.each([
    { path: 'docs/reference/metrics.md', of: metrics },
    { path: 'docs/reference/api-face-metrics.md', of: faceMetrics },
  ])('are in $path as the code has them', ({ path, of }) => {
    const rows = of.map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]);
    expect(table(path, ['Name', 'Type', 'Labels', 'Meaning'])).toEqual(rows);
  });
});

describe('docs/reference/conditions.md', () => {
  const path = 'docs/reference/conditions.md';

  it('has every code of a failed import with its reason, and whether it is tried again', () => {
    const rows = importFailureCodes().map((code) => {
      const failure = { code, detail: '' };
      const { reason } = describeFailure(failure, 'example.test/app:1');
      return [`\`${code}\``, `\`${reason}\``, isRetried(failure) ? 'yes' : 'no'];
    });
    const header = ['Code', 'Reason', 'Tried again', 'What happened'];
    expect(table(path, header).map((cells) => cells.slice(0, 3))).toEqual(rows);
  });

  it('has every reason of the conditions of a stream and of an ImageStreamTag', () => {
    const reasons = sourceFiles('src/{domain,controllers}/*.ts').flatMap((file) =>
      matches(read(file), /status: '(?:True|False|Unknown)',\s*reason: '(\w+)'/g),
    );
    const documented = [
      ...table(path, ['Type', 'Reason', 'Status', 'Meaning']),
      ...table(path, ['Type', 'Reason', 'Meaning']),
    ].map(([, reason]) => reason);
    expect(new Set(documented)).toEqual(new Set(reasons.map((reason) => `\`${reason}\``)));
  });
});

describe('docs/reference/events.md', () => {
  it('has every event with its type', () => {
    const sources = sourceFiles('src/controllers/*.ts').map(read);
    const calls = sources.flatMap((text) => matches(text, /(recorder\.record)\(/g));
    const made = sources.flatMap((text) => [
      ...text.matchAll(/type: '(?<type>Normal|Warning)',\s*reason: '(?<reason>\w+)'/g),
    ]);
    const events = made.map(({ groups }) => `\`${groups?.['reason']}\` ${groups?.['type']}`);
    const rows = table('docs/reference/events.md', ['Reason', 'Type', 'On', 'When', 'Message']);
    expect(made).toHaveLength(calls.length);
    expect(rows.map(([reason, type]) => `${reason} ${type}`).toSorted()).toEqual(events.toSorted());
  });
});

describe('docs/reference/annotations.md', () => {
  it('has every annotation', () => {
    const keys = sourceFiles('src/**/*.ts')
      .flatMap((file) => matches(read(file), /^(?:export )?const \w+Annotation = '([^']+)';$/gm))
      .map((key) => `\`${key}\``);
    const rows = table('docs/reference/annotations.md', ['Annotation', 'On', 'Meaning']);
    expect(rows.map(([key = '']) => key).toSorted()).toEqual(keys.toSorted());
  });
});

describe('docs/troubleshooting.md', () => {
  /** Words of others: of Node.js and undici, and codes that a registry sends. */
  const foreign = new Set([
    '`EADDRINUSE`',
    '`ENOENT`',
    '`Proxy response`',
    '`certificate has expired`',
    '`connect ECONNREFUSED`',
    '`denied:`',
    '`getaddrinfo ENOTFOUND`',
    '`self-signed certificate`',
    '`toomanyrequests:`',
    '`unable to get local issuer certificate`',
    '`unable to verify the first certificate`',
  ]);

  it('quotes only messages that the operator has', () => {
    const path = 'docs/troubleshooting.md';
    const rows = [
      ...table(path, ['Message has', 'Cause', 'What to do']),
      ...table(path, ['Message has', 'What to do']),
    ];
    const quoted = rows.flatMap(([message = '']) => message.match(/`[^`]+`/g) ?? []);
    const sources = sourceFiles('src/**/*.ts').map(read).join('\n');
    const unknown = quoted
      .filter((quote) => !foreign.has(quote))
      .filter((quote) =>
        quote
          .slice(1, -1)
          .split('…')
          .some((part) => !sources.includes(part.trim())),
      );
    expect(quoted.length).toBeGreaterThan(20);
    expect(unknown).toEqual([]);
  });
});

describe('docs/adr', () => {
  const decisions = [...documents.keys()].filter((path) => /^docs\/adr\/\d/.test(path));

  it('has one decision a number, without gaps, each in the list', () => {
    const numbers = decisions.map((path) => Number(basename(path).slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    const listed = linksOf(read('docs/adr/README.md')).filter((link) => /^\d{4}-/.test(link));
    expect(listed).toEqual(decisions.map((path) => basename(path)));
  });

  it.each(decisions)(
    '%s has a number, and says context, decision, what was looked at and consequences',
    (path) => {
      const headings = matches(read(path), /^#+ (.+)$/gm);
      expect(headings[0]).toMatch(new RegExp(`^${basename(path).slice(0, 4)}: `));
      expect(headings.slice(1)).toEqual(['Context', 'Decision', 'What was looked at', 'Consequences']);
    },
  );

  it('has every decision that the sources refer to', () => {
    const named = globSync('{src,test,scripts,demo,bench}/**/*.ts', { cwd: root }).flatMap((path) =>
      matches(read(path), /\bADR (\d{4})\b/g),
    );
    const present = decisions.map((path) => basename(path).slice(0, 4));
    expect(named.filter((number) => !present.includes(number))).toEqual([]);
  });
});

describe('CONTRIBUTING.md', () => {
  it('has every folder of the sources on its map', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter(({ name }) => !name.endsWith('.test.ts'))
      .map((entry) => `\`src/${entry.name}${entry.isDirectory() ? '/' : ''}\``)
      .toSorted();
    const rows = table('CONTRIBUTING.md', ['Folder', 'What is in it']).map(([folder]) => folder ?? '');
    const mapped = rows.filter((folder) => folder.startsWith('`src/'));
    expect(mapped.toSorted()).toEqual(folders);
  });
});

describe('config/samples', () => {
  const [stream] = loadAll(read('config/samples/image-stream.yaml')) as [ImageStream];
  const workload = load(read('config/samples/deployment.yaml')) as KubeObject;

  it('have a stream whose tag can be imported', () => {
    const sources = (stream.spec?.tags ?? []).map(({ name, from }) => ({
      name,
      kind: from?.kind,
      ok: parseImageReference(from?.name ?? '').ok,
    }));
    expect(sources).toEqual([{ name: 'stable', kind: 'DockerImage', ok: true }]);
    expect(stream.apiVersion).not.toContain(storedVersion);
  });

  it('have a Deployment whose trigger follows that stream', () => {
    const [kind] = workloadKinds;
    const kept = kind === undefined ? undefined : keepTriggered(kind, workload);
    if (kept === undefined) throw new Error('The sample has no trigger.');
    const { moves, problems } = planTriggers(kept, ({ stream: name, tag }) => `${name}:${tag}`);
    expect(problems).toEqual([]);
    expect(moves).toMatchObject([{ container: 'web', to: `${stream.metadata.name}:stable` }]);
  });
});

describe('the checks above', () => {
  it.each([
    { name: 'a file that is not there', link: 'docs/nothing.md' },
    { name: 'a heading that is not there', link: 'docs/concepts.md#nothing' },
    { name: 'a heading that this document does not have', link: '#nothing' },
  ])('find a link to $name', ({ link }) => {
    expect(linksOf(`See [it](${link}).`)).toEqual([link]);
    expect(leadsSomewhere('README.md', link)).toBe(false);
  });

  it.each([
    { name: 'between backticks', text: 'Look into `src/domain/nothing.ts`.', want: 'src/domain/nothing.ts' },
    { name: 'by its name alone', text: 'Look into `nothing.ts`.', want: 'nothing.ts' },
    { name: 'a folder', text: 'Look into `src/nothing/`.', want: 'src/nothing/' },
    {
      name: 'in a command',
      text: '```console\n$ kubectl apply -f config/samples/nothing.yaml\n```',
      want: 'config/samples/nothing.yaml',
    },
  ])('find the name of a file that is not there: $name', ({ text, want }) => {
    expect(filesNamedIn(text)).toEqual([want]);
    expect(isFileOfRepository('README.md', want)).toBe(false);
  });

  it('find scripts in sentences and in commands', () => {
    const text =
      'Run `npm run demo -- --keep`, or\n```console\n$ npm ci && npm test\n$ npm run --silent x\n```';
    expect(npmScriptsNamedIn(text)).toEqual(['demo', 'x', 'test']);
  });
});

interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

async function readMetrics({ registry }: Pick<Metrics, 'registry'>): Promise<readonly DocumentedMetric[]> {
  const registered = await registry.getMetricsAsJSON();
  return registered.map(({ name, help, type }) => {
    // The library keeps the labels on the metric, and does not say so in its types.
    const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: readonly string[] };
    return { name, help, type: String(type), labels: labelNames };
  });
}

/** The members of the union, read from the source: a type is not there when the test runs. */
function importFailureCodes(): readonly ImportFailureCode[] {
  const source = read('src/domain/import-failure.ts');
  const [, union = ''] = /export type ImportFailureCode =([^;]+);/.exec(source) ?? [];
  return matches(union, /'([a-z-]+)'/g) as ImportFailureCode[];
}

/** Targets of links and pictures, without those to other hosts. */
function linksOf(text: string): string[] {
  return matches(withoutCode(text), /\]\(([^)\s]+)\)/g).filter((target) => !/^[a-z]+:/.test(target));
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : normalize(join(dirname(from), path));
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

const extension = String.raw`\.(?:ts|json|md|ya?ml|mod|sum)`;
const topFolders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.git')
  .map((entry) => entry.name.replaceAll('.', String.raw`\.`));
const inTopFolder = new RegExp(String.raw`^(?:${topFolders.join('|')})/[\w./@-]*$`);
const namedLikeFile = new RegExp(String.raw`^[\w./-]+${extension}$`);

/** What looks like a file or folder of the repository: between backticks, and in a command as a word that starts with one of its folders. */
function filesNamedIn(text: string): string[] {
  const commands = matches(text, /^ *```(?:console|sh|bash)\n([\s\S]*?)^ *```$/gm)
    .flatMap((block) => matches(block, /^ *\$ (.*)$/gm))
    .flatMap((command) => command.split(/\s+/))
    .filter((word) => inTopFolder.test(word));
  const quoted = matches(text.replace(/^ *```[\s\S]*?^ *```$/gm, ''), /`([^`\n]+)`/g);
  const words = quoted
    .flatMap((code) => code.split(/\s+/))
    .filter((word) => inTopFolder.test(word) || namedLikeFile.test(word));
  return [...commands, ...words];
}

/** True for a path from the root or from the document, and for the bare name of some file. */
function isFileOfRepository(from: string, name: string): boolean {
  if (existsSync(join(root, name)) || existsSync(join(root, dirname(from), name))) return true;
  return !name.includes('/') && namesOfFiles.has(name);
}

const namesOfFiles = new Set(
  globSync(
    topFolders.map((folder) => `${folder.replaceAll('\\', '')}/**/*.*`),
    { cwd: root },
  ).map((path) => basename(path)),
);

function npmScriptsNamedIn(text: string): string[] {
  return [
    ...matches(text, /\bnpm run (?:--silent )?([a-z][\w:-]*)/g),
    ...matches(text, /\bnpm (test|start)\b/g),
  ];
}
