// What the documents show is what the product takes, and every document can be found.
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { parseRegistryPolicy } from '../src/domain/registry-policy-document.ts';
import { parseTriggers } from '../src/domain/trigger-annotation.ts';
import { codeBlocks, matches, quotedIn, read, root, shellCommands, table } from './support/documents.ts';

const pages = globSync('docs/**/*.md', { cwd: root }).sort();
const examples = ['README.md', ...pages].flatMap((path) =>
  codeBlocks(read(path), 'yaml').map((yaml) => ({ path, yaml })),
);

interface Annotated {
  readonly kind?: string;
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

/** Where the pod spec of a kind is, or its image. */
const places: Readonly<Record<string, { podSpecPath: string; imagePath?: string }>> = {
  Build: { podSpecPath: '', imagePath: 'spec.paramValues[?(@.name=="builder-image")].value' },
};

describe('the YAML in the documents', () => {
  it.each(examples)('can be read: $path', ({ yaml }) => {
    expect(loadAll(yaml).length).toBeGreaterThan(0);
  });

  it('has triggers that act', () => {
    const annotated = examples
      .flatMap(({ yaml }) => loadAll(yaml) as (Annotated | undefined)[])
      .flatMap((object) => {
        const text = object?.metadata?.annotations?.['image.openshift.io/triggers'];
        return text === undefined ? [] : [{ kind: object?.kind ?? '', text }];
      });
    const problems = annotated.flatMap(
      ({ kind, text }) =>
        parseTriggers(text, { namespace: 'n', ...(places[kind] ?? { podSpecPath: 'spec.template.spec' }) })
          .problems,
    );
    expect(annotated.length).toBeGreaterThan(5);
    expect(problems).toEqual([]);
  });

  it('has parts of a registry policy that are accepted', () => {
    const parts = codeBlocks(read('docs/reference/registry-policy.md'), 'yaml')
      .flatMap((yaml) => loadAll(yaml) as object[])
      .filter((part) => !('apiVersion' in part))
      .map((part) => parseRegistryPolicy(part));
    expect(parts.length).toBeGreaterThan(3);
    expect(parts.filter(({ ok }) => !ok)).toEqual([]);
  });
});

describe('docs/README.md', () => {
  it('leads to every page, and is what the README leads to', () => {
    const listed = matches(read('docs/README.md'), /\]\(([^)#]+\.md)\)/g).map((link) => `docs/${link}`);
    const expected = pages.filter((path) => path !== 'docs/README.md' && !/^docs\/adr\/\d/.test(path));
    expect(expected.filter((path) => !listed.includes(path))).toEqual([]);
    expect(read('README.md')).toContain('](docs/README.md)');
  });
});

describe('docs/troubleshooting.md', () => {
  const words = new Set(
    table('docs/troubleshooting.md', ['Word', 'On', 'What to do']).flatMap(([word]) => quotedIn(word)),
  );

  it('says what to do for every Warning', () => {
    const warnings = table('docs/reference/events.md', ['Reason', 'Type', 'On', 'When', 'Message'])
      .filter(([, type]) => type === 'Warning')
      .flatMap(([reason]) => quotedIn(reason));
    expect(warnings.length).toBeGreaterThan(5);
    expect(warnings.filter((reason) => !words.has(reason))).toEqual([]);
  });

  it('says what to do for every reason of a condition, but for that of a stream that is ready', () => {
    const conditions = 'docs/reference/conditions.md';
    const reasons = [
      ...table(conditions, ['Type', 'Reason', 'Status', 'Meaning']).map(([, reason]) => reason),
      ...table(conditions, ['Type', 'Reason', 'Meaning']).map(([, reason]) => reason),
      ...table(conditions, ['Code', 'Reason', 'Tried again', 'What happened']).map(([, reason]) => reason),
    ].flatMap(quotedIn);
    const missing = reasons.filter((reason) => reason !== 'TagsImported' && !words.has(reason));
    expect(reasons.length).toBeGreaterThan(20);
    expect(missing).toEqual([]);
  });
});

describe('commands in a document', () => {
  it('are found with the lines that belong to them, and without what they print', () => {
    const text = [
      '1. In a list:',
      '   ```console',
      '   $ kubectl get is',
      '   NAME',
      '   ```',
      '```console',
      '$ kubectl patch is web \\',
      '    -p "{}"',
      'patched',
      '$ kubectl apply -f - <<END',
      'kind: ImageStream',
      '    $ no command',
      'END',
      'created',
      '    indented output',
      '```',
    ].join('\n');
    expect(shellCommands(text)).toEqual([
      'kubectl get is',
      'kubectl patch is web \\\n    -p "{}"',
      'kubectl apply -f - <<END\nkind: ImageStream\n    $ no command\nEND',
    ]);
  });

  it('are in many pages', () => {
    const withCommands = pages.filter((path) => shellCommands(read(path)).length > 0);
    expect(withCommands.map((path) => basename(path))).toEqual(
      expect.arrayContaining(['rollback.md', 'multi-arch.md', 'first-steps.md', 'troubleshooting.md']),
    );
  });
});
