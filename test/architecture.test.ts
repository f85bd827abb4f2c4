import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exceptions, rules } from './support/import-rules.ts';

/** Names that say nothing about what is inside, and therefore attract everything. */
const emptyNames = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'types',
  'misc',
  'index',
  'shared',
]);

/** Time, randomness and the outside world, none of which a pure rule knows. */
const impure =
  /(?<![.\w])(?:Date\b|Math\.random|performance\.|setTimeout\(|setInterval\(|process\.|fetch\(|Buffer\b)/;

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const sourceRoot = fileURLToPath(new URL('../src/', import.meta.url));
const sources = readSources(sourceRoot);

describe('the sources', () => {
  it('are found', () => {
    expect(sources.size).toBeGreaterThan(30);
  });

  it('import only what their area may import', () => {
    expect([...sources].flatMap(([path, text]) => violations(path, text))).toEqual([]);
  });

  it('use every import that the table allows', () => {
    const used = new Set([...sources].flatMap(([path, text]) => usedRules(path, text)));
    const allowed = [
      ...Object.entries(rules).flatMap(([area, { areas, packages }]) =>
        [...areas, ...packages].map((rule) => `${area} -> ${rule}`),
      ),
      ...Object.entries(exceptions).flatMap(([path, list]) => list.map((rule) => `${path} -> ${rule}`)),
    ];
    expect(allowed.filter((rule) => !used.has(rule))).toEqual([]);
  });

  it('are in files named for what they hold, in kebab case', () => {
    const badNames = [...sources.keys()].filter((path) => {
      const name = basename(path, '.ts');
      return emptyNames.has(name) || !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name);
    });
    expect(badNames).toEqual([]);
  });

  it('have neither default exports nor barrels', () => {
    const exporters = [...sources].filter(([, text]) => hasDefaultExport(text) || /^export \*/m.test(text));
    expect(exporters.map(([path]) => path)).toEqual([]);
  });

  it('touch the process in their main files only', () => {
    const users = [...sources].filter(([, text]) => /\bprocess\./.test(withoutComments(text)));
    expect(users.map(([path]) => path)).toEqual(['face-main.ts', 'main.ts']);
  });

  it('are pure in domain/ and api/: no clock, no randomness, no outside world', () => {
    const impureFiles = [...sources]
      .filter(([path]) => /^(?:domain|api)\//.test(path) && path !== 'api/time.ts')
      .flatMap(([path, text]) => {
        const found = impure.exec(withoutComments(text));
        return found === null ? [] : [`${path} uses ${found[0]}`];
      });
    expect(impureFiles).toEqual([]);
  });
});

describe('the check of imports', () => {
  it.each([
    {
      name: 'an area that is not in the list',
      path: 'domain/x.ts',
      text: "import { KubeClient } from '../kube/client.ts';",
      want: 'src/domain/x.ts must not import ../kube/client.ts',
    },
    {
      name: 'a value where only types are allowed',
      path: 'kube/x.ts',
      text: "import { pino } from 'pino';",
      want: 'src/kube/x.ts must not import pino (its types may be: import type)',
    },
    {
      name: 'the Kubernetes library outside of its one file',
      path: 'kube/x.ts',
      text: "import type { V1Pod } from '@kubernetes/client-node';",
      want: 'src/kube/x.ts must not import @kubernetes/client-node',
    },
    {
      name: 'an import over several lines',
      path: 'api/x.ts',
      text: "import {\n  a,\n  type B,\n} from '../domain/y.ts';",
      want: 'src/api/x.ts must not import ../domain/y.ts',
    },
    {
      name: 'an import when it runs',
      path: 'server/x.ts',
      text: "const { request } = await import('undici');",
      want: 'src/server/x.ts must not import undici',
    },
    {
      name: 'an import for its effect',
      path: 'runtime/x.ts',
      text: "import 'undici';",
      want: 'src/runtime/x.ts must not import undici',
    },
    {
      name: 'an export of something else',
      path: 'api/x.ts',
      text: "export { y } from '../runtime/clock.ts';",
      want: 'src/api/x.ts must not import ../runtime/clock.ts',
    },
    {
      name: 'another module of Node',
      path: 'registry/x.ts',
      text: "import { readFile } from 'node:fs/promises';",
      want: 'src/registry/x.ts must not import node:fs/promises',
    },
    {
      name: 'what another file of the folder may import',
      path: 'registry/client.ts',
      text: "import { load } from 'js-yaml';",
      want: 'src/registry/client.ts must not import js-yaml',
    },
    {
      name: 'a file of the tests',
      path: 'kube/x.ts',
      text: "import { FakeClock } from '../../test/support/fake-clock.ts';",
      want: 'src/kube/x.ts must not import ../../test/support/fake-clock.ts',
    },
    {
      name: 'a folder that the table does not know',
      path: 'helpers/x.ts',
      text: "import { y } from '../api/json.ts';",
      want: 'src/helpers/x.ts is in no area of the table in test/architecture.test.ts',
    },
  ])('names file and import: $name', ({ path, text, want }) => {
    expect(violations(path, text)).toEqual([want]);
  });

  it('accepts types of what may be imported for its types', () => {
    const text =
      "import type { Logger } from 'pino';\nimport { type Metrics } from '../observability/metrics.ts';";
    expect(violations('kube/x.ts', text)).toEqual([]);
  });
});

/** Texts of the sources by path below src/; without tests. */
function readSources(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    if (extname(path) === '.ts' && !path.endsWith('.test.ts')) {
      found.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
  return found;
}

function violations(path: string, text: string): string[] {
  if (rules[areaOf(path)] === undefined) {
    return [`src/${path} is in no area of the table in test/architecture.test.ts`];
  }
  return importsOf(text).flatMap(({ specifier, typeOnly }) => {
    if (ruleFor(path, { specifier, typeOnly }) !== undefined) return [];
    const typesMayBe = ruleFor(path, { specifier, typeOnly: true }) !== undefined;
    const hint = typesMayBe ? ' (its types may be: import type)' : '';
    return [`src/${path} must not import ${specifier}${hint}`];
  });
}

/** The entries of the table that a file's imports need, as `area -> rule`. */
function usedRules(path: string, text: string): string[] {
  return importsOf(text)
    .map((found) => ruleFor(path, found))
    .filter((rule) => rule !== undefined);
}

/** The entry of the table that allows an import, `own` inside an area; undefined when none does. */
function ruleFor(path: string, { specifier, typeOnly }: Import): string | undefined {
  const area = areaOf(path);
  const { areas, packages } = rules[area] ?? { areas: [], packages: [] };
  const matches = (rule: string): boolean => {
    const [, onlyType, target] = /^(type )?(.+)$/.exec(rule) ?? [];
    return (onlyType === undefined || typeOnly) && targetsOf(path, specifier).includes(target ?? '');
  };
  const special = exceptions[path]?.find(matches);
  if (special !== undefined) return `${path} -> ${special}`;
  if (targetsOf(path, specifier).includes(area)) return 'own';
  const rule = [...areas, ...packages].find(matches);
  return rule === undefined ? undefined : `${area} -> ${rule}`;
}

/** The names under which the table can allow a specifier: the file and its area, or what is outside as it is written. */
function targetsOf(path: string, specifier: string): readonly string[] {
  if (!specifier.startsWith('.')) return [specifier];
  const target = join(dirname(path), specifier);
  return target.startsWith('..') ? [specifier] : [target, areaOf(target)];
}

/** The folder of src/ that a file is in, or its name when it is in src/ itself. */
function areaOf(path: string): string {
  return path.split('/')[0] ?? path;
}

const statement =
  /^(?:import|export)\s+(?:(?<clause>(?:type\s+)?[\w\s{},*$]+?)\s+from\s+)?'(?<specifier>[^']+)'/gm;
const dynamic = /\bimport\(\s*'(?<specifier>[^']+)'/g;

function importsOf(source: string): Import[] {
  const text = withoutComments(source);
  const found: Import[] = [];
  for (const { groups } of text.matchAll(statement)) {
    found.push({ specifier: groups?.['specifier'] ?? '', typeOnly: isTypeOnly(groups?.['clause'] ?? '') });
  }
  for (const { groups } of text.matchAll(dynamic)) {
    found.push({ specifier: groups?.['specifier'] ?? '', typeOnly: false });
  }
  return found;
}

/** `type { A }`, or a list in which every name is a type. */
function isTypeOnly(clause: string): boolean {
  if (clause.startsWith('type ')) return true;
  const [, names] = /^\{([^}]*)\}$/.exec(clause) ?? [];
  if (names === undefined) return false;
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .every((name) => name.startsWith('type '));
}

function hasDefaultExport(text: string): boolean {
  return /^export default\b|^export\s*\{[^}]*\bdefault\b/m.test(withoutComments(text));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
