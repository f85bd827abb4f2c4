// Tables in the documents that say what the rules of registries do, held against those rules.
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import type { ImageStream } from '../src/api/generated/image-stream.ts';
import type { Secret } from '../src/api/resources.ts';
import { parseImageReference } from '../src/domain/image-reference.ts';
import { buildKeychain, findCredentials, pullSecretKeys } from '../src/domain/pull-credentials.ts';
import { classifyAddress, isAllowed } from '../src/registry/address-guard.ts';
import { parseProxySettings, proxyFor } from '../src/registry/proxy.ts';
import { mayReceiveCredentials } from '../src/registry/realm-rules.ts';
import { matches, quotedIn, read, sourceFiles, table } from './support/documents.ts';

const security = 'docs/reference/security.md';

describe('docs/how-to/private-registry.md', () => {
  const path = 'docs/how-to/private-registry.md';

  it.each(
    table(path, ['Key', 'Image', 'Fits']).map((cells) => cells.map((cell) => cell.replaceAll('`', ''))),
  )('tells whether %s is for %s: %s', (key = '', image = '', fits = '') => {
    expect(entryFor(image, { [key]: { username: 'u', password: 'p' } }) === undefined ? 'no' : 'yes').toBe(
      fits,
    );
  });

  it('has the types of secrets with their keys', () => {
    const rows = table(path, ['Type', 'Key']).map((cells) => cells.map((cell) => quotedIn(cell)[0]));
    expect(Object.fromEntries(rows.map(([type, key]) => [type, key]))).toEqual(pullSecretKeys);
  });

  it('has the fields of an entry in the order in which they count', () => {
    const fields: Record<string, string> = {
      identitytoken: 'i',
      registrytoken: 'r',
      auth: base64('a:a'),
      username: 'u',
      password: 'p',
    };
    const documented = table(path, ['Field', 'What is done with it']).map(([cell]) => quotedIn(cell));
    const used = documented.map((names) => {
      const { credential } = entryFor('r.test/x', { 'r.test': fields }) ?? {};
      for (const name of names) delete fields[name];
      return credential?.kind === 'password' ? credential.username : credential?.token;
    });
    expect(used).toEqual(['i', 'r', 'a', 'u']);
    expect(fields).toEqual({});
  });

  it('quotes only messages that the operator has', () => {
    const sources = sourceFiles('src/**/*.ts').map(read).join('\n');
    const quoted = table(path, ['The message goes on with', 'Meaning']).flatMap(([cell]) => quotedIn(cell));
    const pieces = quoted.flatMap((text) => fixedPieces(text));
    expect(pieces.length).toBeGreaterThan(8);
    expect(pieces.filter((piece) => !sources.includes(piece))).toEqual([]);
  });
});

describe('config/samples/private-registry.yaml', () => {
  it('has a secret that fits its stream', () => {
    const [secret, stream] = loadAll(read('config/samples/private-registry.yaml')) as [
      Secret & { stringData: Record<string, string> },
      ImageStream,
    ];
    const type = secret.type ?? '';
    const data = base64(secret.stringData[pullSecretKeys[type] ?? ''] ?? '');
    const keychain = buildKeychain([{ name: 'sample', type, data }], fromBase64);
    const [tag] = stream.spec?.tags ?? [];
    const parsed = parseImageReference(tag?.from?.name ?? '');
    expect(keychain.problems).toEqual([]);
    expect(parsed.ok && findCredentials(keychain, parsed.reference)).toHaveLength(1);
    expect(tag?.importPolicy?.scheduled).toBe(true);
  });
});

describe('docs/how-to/behind-a-proxy.md', () => {
  const rows = table('docs/how-to/behind-a-proxy.md', ['`NO_PROXY` has', 'Direct', 'Not direct']);

  it.each(rows)('tells what %s is: %s, not %s', (exceptions, direct, proxied) => {
    const environment = { HTTPS_PROXY: 'http://proxy.test', NO_PROXY: quotedIn(exceptions)[0] };
    const settings = parseProxySettings(environment);
    const goesDirectly = (host: string): boolean =>
      proxyFor(new URL(`https://${host}/`), settings) === undefined;
    const hosts = [...quotedIn(direct), ...quotedIn(proxied)];
    expect(hosts.filter(goesDirectly)).toEqual(quotedIn(direct));
  });
});

describe('docs/reference/security.md', () => {
  const classes = table(security, ['Class', 'Addresses', 'Connected to']);

  it('has every range of the address guard, in the class that it has there', () => {
    const source = read('src/registry/address-guard.ts');
    const [guarded = ''] = source.split('const globalUnicast');
    const documented = classes
      .filter(([name]) => name !== 'public')
      .flatMap(([name, cell]) => quotedIn(cell).map((range) => ({ name, range })));
    expect(new Set(documented.map(({ range }) => range))).toEqual(
      new Set(matches(guarded, /'([0-9a-f.:]+\/\d+)'/g)),
    );
    const otherwise = documented.filter(({ name, range }) => classifyAddress(firstOf(range)) !== name);
    expect(otherwise).toEqual([]);
  });

  it.each(classes)(
    'says where addresses of the class %s may be connected to (%s: %s)',
    (name, cell, rule) => {
      const address = name === 'public' ? '1.1.1.1' : firstOf(quotedIn(cell)[0] ?? '');
      const addressClass = classifyAddress(address);
      const policies = { none: [false, false], private: [false, true], 'link-local': [true, false] } as const;
      const allowedBy = Object.entries(policies)
        .filter(([, [allowLinkLocal, allowPrivate]]) =>
          isAllowed(addressClass, { allowLinkLocal, allowPrivate }),
        )
        .map(([policy]) => policy);
      const wanted: Readonly<Record<string, readonly string[]>> = {
        always: ['none', 'private', 'link-local'],
        only: name === 'link-local' ? ['link-local'] : ['private'],
        as: ['private'],
        never: [],
      };
      expect(allowedBy).toEqual(wanted[rule?.split(' ')[0] ?? '']);
    },
  );

  it.each(table(security, ['Registry', 'Token server', 'Gets the account']))(
    'says whether the account for %s goes to %s: %s',
    (registry, realm, verdict = '') => {
      const may = mayReceiveCredentials(
        new URL(quotedIn(realm)[0] ?? ''),
        quotedIn(registry)[0] ?? '',
        new Set(),
      );
      expect(verdict).toMatch(may ? /^yes: / : /^no\b/);
    },
  );

  it.each([
    { file: 'config/operator/operator-rights.yaml', header: 'Why' },
    { file: 'config/api/face/rights.yaml', header: 'Why the face needs them' },
  ])('has all rights of $file', ({ file, header }) => {
    const documents = loadAll(read(file)) as {
      kind: string;
      rules?: { resources: string[]; resourceNames?: string[]; verbs: string[] }[];
    }[];
    const rules = documents.find(({ kind }) => kind === 'ClusterRole')?.rules ?? [];
    const documented = table(security, ['Resource', 'Verbs', header]).map(([resource, verbs]) => [
      quotedIn(resource),
      quotedIn(verbs),
    ]);
    expect(documented).toEqual(
      rules.map(({ resources, resourceNames = [], verbs }) => [[...resources, ...resourceNames], verbs]),
    );
  });
});

describe.each([security, 'docs/reference/api-face-imports.md'])('%s', (path) => {
  it.each(table(path, ['What', 'Bound', 'In the sources']))(
    'has the bound of: %s (%s)',
    (_, bound, place) => {
      const [source = '', name = ''] = quotedIn(place);
      expect(bound).toMatch(new RegExp(`^${boundIn(source, name)}(?: characters)?$`));
    },
  );
});

/** The first address of a range. */
function firstOf(range: string): string {
  return range.split('/')[0] ?? '';
}

/** The value of a constant as the documents write it. */
function boundIn(path: string, name: string): string {
  const [product = ''] = matches(read(path), new RegExp(String.raw`\b${name}(?: =|:) ([\d_ *]+)[;,]`, 'g'));
  const value = product
    .split('*')
    .map((factor) => Number(factor.trim().replaceAll('_', '')))
    .reduce((result, factor) => result * factor, 1);
  if (product === '' || !Number.isFinite(value)) throw new Error(`${path} has no constant ${name}.`);
  if (name.endsWith('Ms')) return withUnit(value, { h: 3_600_000, min: 60_000, s: 1_000 });
  const isSize = /(?:Bytes|Size|maxCaLength)$/.test(name);
  return isSize ? withUnit(value, { MiB: 1024 ** 2, KiB: 1024 }) : value.toLocaleString('en');
}

function withUnit(value: number, units: Readonly<Record<string, number>>): string {
  const [unit, size] = Object.entries(units).find(([, candidate]) => value % candidate === 0) ?? ['', 1];
  return `${value / size} ${unit}`.trim();
}

function entryFor(image: string, auths: object) {
  const data = base64(JSON.stringify({ auths }));
  const type = 'kubernetes.io/dockerconfigjson';
  const parsed = parseImageReference(image);
  if (!parsed.ok) throw new Error(parsed.problem);
  const [entry] = findCredentials(buildKeychain([{ name: 's', type, data }], fromBase64), parsed.reference);
  return entry;
}

/** The words of a message between what stands for something else: hosts, texts in quotes, numbers in brackets. */
function fixedPieces(message: string): string[] {
  return message
    .split(/"[^"]*"|\b[\w-]+\.example\.(?:com|net)\b|\(\d+\)|…|\.dockerconfigjson|: /)
    .map((piece) => piece.trim().replace(/,$/, ''))
    .filter((piece) => piece.length > 3);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
