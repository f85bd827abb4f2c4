// What the API server says of pull specs, held against the parser that the operator itself goes by.
import { type Arbitrary, constantFrom, oneof, sample, string, tuple } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseImageReference } from '../../src/domain/image-reference.ts';
import {
  createNamespace,
  type SharedCluster,
  sharedCluster,
  type TestNamespace,
} from '../support/fixture.ts';

const sha256 = `sha256:${'7'.repeat(64)}`;
const sha384 = `sha384:${'8'.repeat(96)}`;
const sha512 = `sha512:${'9'.repeat(128)}`;
const md5 = `md5:${'7'.repeat(32)}`;

const noRepository = 'repository name must have at least one component';
const upperCase = 'repository name must be lowercase';
const wrongFormat = 'invalid reference format';
const tooLong = 'repository name must not be more than 255 characters';
const wrongLength = 'invalid checksum digest length';
const unknownAlgorithm = 'unsupported digest algorithm';
const hasTag = 'the repository name may not contain a tag';
const hasId = 'the repository name may not contain an ID';

const aDigest =
  'a digest is sha256: and 64 lower-case hexadecimal digits, sha384: and 96, or sha512: and 128';

/** The words of a line. */
function words(line: string): string[] {
  return line.split(' ');
}

/** Names with one fault each: the reference's text, what to write instead, and the names. */
const faulty: readonly (readonly [text: string, advice: string, names: readonly string[]])[] = [
  [
    noRepository,
    'name a repository too, such as quay.io/org/app:1.2',
    [
      ...words(
        'quay.io quay.io/ quay.io:5000 quay.io/:latest QUAY.io localhost localhost:5000 localhost:5000/',
      ),
      ...words('localhost:5000:1 localhostess 1.2.3.4 :latest'),
      ...words(`@${sha256} quay.io@${sha256} localhost/@${sha256}`),
    ],
  ],
  [
    upperCase,
    '',
    [
      ...words(
        'Nginx nginX:1 Foo:5000 Org/app LOCALHOST/app quay.io/Org/app quay.io/org/A__b localhost:5000/App',
      ),
      `QUAY.io/org/App:1@${sha256}`,
    ],
  ],
  [
    wrongFormat,
    'write a pull spec without scheme and spaces, such as quay.io/org/app:1.2',
    [
      ...` |a b|quay.io/a b|quay.io/a\tb|a b@${sha256}`.split('|'),
      ...words(
        'https://quay.io/org/app:1 docker://app quay.io//app quay.io/app/ /app org/ a..b a_b.c org/a..b',
      ),
      ...words('org/a___b org/-app org/app_ _app app- é org/ſ a:b:c quay.io/a:b/c localhost_x'),
    ],
  ],
  // The text of an expression may not contain a line break; then the API server has the fixed one.
  [wrongFormat, 'write a pull spec without scheme and spaces', ['a\nb', 'quay.io/app\n']],
  [
    wrongFormat,
    'a registry is a host name or an IPv4 address, with a port or without, such as registry.example.com:5000',
    [
      ...words(
        '-host.test/app host-.test/app ho_st.test/app host..test/app .test/app test./app host:port/app',
      ),
      ...words('host:/app a:1:2/app [::1]:5000/app é.test/app 10.1/app 256.1.1.1/app 1.2.3.256:80/app'),
      ...words('0127.0.0.1/app 1.2.3.4.5/app host.5/app 80:80/app 1.2.3:4/app'),
      'quay.io /app',
    ],
  ],
  [
    wrongFormat,
    'the port of a registry is a number from 1 to 65535',
    [...words('host:0/app host:000/app host:65536/app host.test:99999/app'), `1.2.3.4:123456/a:1@${sha256}`],
  ],
  [
    wrongFormat,
    "a tag is 1 to 128 letters, digits, '_', '.' or '-', and does not start with '.' or '-'",
    [...words('app: app:-x app:.x app:é'), 'quay.io/app:a b', `app:${'t'.repeat(129)}`, `app:@${sha256}`],
  ],
  [
    wrongFormat,
    aDigest,
    [
      ...words(`app@ app:1@ app@sha256 app@sha256:abc user@host/app app@1sha:77 app@${sha256}/x`),
      ...words(`app@sha256:${'A'.repeat(64)} app@sha256:${'g'.repeat(64)} app@${sha256}@${sha256}`),
      `app@${sha256}\n`,
    ],
  ],
  [
    wrongLength,
    aDigest,
    words(`app@sha256:${'7'.repeat(63)} app:1@${sha256}7 app@sha384:${'7'.repeat(64)} app@${sha512}9`),
  ],
  [
    unknownAlgorithm,
    aDigest,
    words(`app@${md5} app@SHA256:${'7'.repeat(64)} quay.io/app@a.b+c:${'7'.repeat(40)}`),
  ],
  [
    tooLong,
    '',
    words(`${'a'.repeat(256)} quay.io/${'a'.repeat(248)} host:1/${'a/'.repeat(125)}b:1@${sha256}`),
  ],
];

/** What the parser of the operator refuses with the same text, each by itself. */
const faultyNames = faulty.flatMap(([text, advice, names]) =>
  names.map((name) => ({ name, title: JSON.stringify(name.slice(0, 60)), text, advice })),
);

const severalFaults: readonly { readonly name: string; readonly texts: readonly string[] }[] = [
  { name: 'Nginx:-x', texts: [upperCase, wrongFormat] },
  { name: 'quay.io:-x', texts: [noRepository, wrongFormat] },
  { name: `ho_st.test/App@${md5}`, texts: [upperCase, wrongFormat, unknownAlgorithm] },
  { name: `${'A'.repeat(256)}@${sha256}7`, texts: [upperCase, tooLong, wrongLength] },
];

/** Refused by both, in other words. */
const otherWords = [
  {
    name: '256.1.1.1',
    parser: wrongFormat,
    apiServer: noRepository,
    because:
      'a registry alone lacks a repository, whatever it is: the reference does not look at the numbers at all',
  },
  {
    name: '\u212a',
    parser: upperCase,
    apiServer: wrongFormat,
    because: 'the Kelvin sign has a lower case, k, and CEL changes ASCII only',
  },
  {
    name: `a\nb@sha256:${'7'.repeat(63)}`,
    parser: wrongLength,
    apiServer: wrongFormat,
    because: 'a text made of a name with a line break is replaced by the fixed one',
  },
];

const accepted: readonly string[] = [
  ...words(
    'nginx nginx:1.27 a 0 1 a_b a__b a-b a---b a__b/c-d.e org/app a/b.c/d_e:V1 1/2 a:1.5 a:5000 a:1.2.3.4',
  ),
  ...words('localhost/app local/app org/localhost mylocalhost 127/app quay.io/app QUAY.IO/app Host:1/app'),
  ...words('xn--e1a.test/app h--x.test/app 1.2.3.4a/app 3.test/1.2 localhost:5000/a/b/c:t host:000080/app'),
  ...words('host:65535/app 0.0.0.0/app 199.249.10.99:80/app 255.255.255.255:1/app 9.90.199.250/5.6:7'),
  ...words('a.b/c.1:2 app:_x app:A-b.c'),
  ...words(`app:${'t'.repeat(128)} app@${sha256} app@${sha384} app@${sha512} Reg.test:443/a/b/c:1@${sha256}`),
  ...words(`${'a'.repeat(255)} quay.io/${'a'.repeat(247)}:1 ${'a'.repeat(255)}:${'t'.repeat(128)}@${sha512}`),
];

const registries = [
  ...words(
    'quay.io localhost localhost:5000 1.2.3.4 1.2.3.4:80 256.1.1.1 10.1 h.5:80 80:80 80 a_b.c Foo FOO.io',
  ),
  ...words('h:0 h:65535 h:65536 h:00080 -h.io h..io io. https: localhostx a__b a:b:1 [::1] 1.2.3.4a 1.2.3:4'),
];
const repositoryParts = [
  ...words('org/app a/b/c App a_b a__b a___b a.b a..b a--b a- _a a//b /a a/ é 1.2 localhost/x'),
  ...words(`${'a'.repeat(255)} ${'a'.repeat(248)} ${'a'.repeat(256)}`),
  ...'|a b|a\nb'.split('|'),
];
const tagParts = [...words(`:1 :latest : :-x :_x :A-b.c :${'t'.repeat(129)} :a:b :5000 :a/b`), ':a b'];
const digestParts = [
  ...words(`@${sha256} @${sha384} @${sha512} @${sha256}7 @sha256:${'A'.repeat(64)} @ @x @sha256:1/5 @${md5}`),
  `@${sha256}@${sha256}`,
  `@${sha256}\n`,
];

/** Nothing or the usual, mostly; else one of the parts. */
function mostly(usual: string, parts: readonly string[]): Arbitrary<string> {
  return oneof(
    { weight: 2, arbitrary: constantFrom(usual) },
    { weight: 1, arbitrary: constantFrom(...parts) },
  );
}

/** Pull specs put together from good and bad parts, and short texts of the characters that matter. */
const generated = oneof(
  {
    weight: 1,
    arbitrary: string({ minLength: 1, maxLength: 14, unit: constantFrom(...'ab0.-_/:@Z'.split('')) }),
  },
  {
    weight: 4,
    arbitrary: tuple(
      constantFrom('', ...registries.map((registry) => `${registry}/`)),
      mostly('app', repositoryParts),
      mostly('', tagParts),
      mostly('', digestParts),
    ).map((parts) => parts.join('')),
  },
);

/** The same in every run: who finds a name that matters adds it to a table. */
const generatedNames = [...new Set(sample(generated, { seed: 20_261_123, numRuns: 4000 }))].filter(Boolean);

let cluster: SharedCluster;
let namespace: TestNamespace;

beforeAll(async () => {
  cluster = sharedCluster();
  namespace = await createNamespace(cluster.kube, 'pull-specs');
});

afterAll(async () => {
  await namespace[Symbol.asyncDispose]();
  await cluster.close();
});

type Plural = 'imagestreams' | 'imagestreamtags';

/** Creates an object, without storing it: what the API server has against it, by field. */
async function complaints(plural: Plural, body: object): Promise<Map<string, string[]>> {
  const kind = { imagestreams: 'ImageStream', imagestreamtags: 'ImageStreamTag' }[plural];
  const { status, text } = await cluster.kube.request(
    'POST',
    `/apis/image.openshift.io/v1/namespaces/${namespace.name}/${plural}?dryRun=All&fieldValidation=Strict`,
    { apiVersion: 'image.openshift.io/v1', kind, ...body },
  );
  const answer: { details?: { causes?: { field: string; message: string }[] } } = JSON.parse(text);
  const causes = answer.details?.causes ?? [];
  expect(status, text).toBe(causes.length === 0 ? 201 : 422);
  const byField = new Map<string, string[]>();
  for (const { field, message } of causes) byField.set(field, [...(byField.get(field) ?? []), message]);
  return byField;
}

async function complaintsOfStream(spec: object): Promise<Map<string, string[]>> {
  return complaints('imagestreams', { metadata: { name: 'web' }, spec });
}

/** What the API server says of each name as the source of a tag; few at a time, for what it spends on one object is limited. */
async function complaintsOfSources(sources: readonly string[]): Promise<string[][]> {
  const answers: string[][] = [];
  for (let start = 0; start < sources.length; start += 150) {
    const some = sources.slice(start, start + 150);
    const said = await complaintsOfStream({
      tags: some.map((name, index) => ({ name: `t${index}`, from: { kind: 'DockerImage', name } })),
    });
    answers.push(...some.map((_, index) => said.get(`spec.tags[${index}].from.name`) ?? []));
    const elsewhere = [...said.keys()].filter((field) => !/^spec\.tags\[\d+\]\.from\.name$/.test(field));
    expect(elsewhere).toEqual([]);
  }
  return answers;
}

function parserProblem(name: string): string | undefined {
  const parsed = parseImageReference(name);
  return parsed.ok ? undefined : parsed.problem;
}

/** As the operator judges `spec.dockerImageRepository`. */
function repositoryProblem(name: string): string | undefined {
  const parsed = parseImageReference(name);
  if (!parsed.ok) return parsed.problem;
  if (parsed.reference.tag !== undefined) return hasTag;
  return parsed.reference.digest === undefined ? undefined : hasId;
}

describe('a source of a tag is refused', () => {
  it.each(faultyNames)('in a stream: $title: $text $advice', async ({ name, text, advice }) => {
    const said = await complaintsOfStream({
      tags: [{ name: 'latest', from: { kind: 'DockerImage', name } }],
    });

    const message = [expect.stringMatching(new RegExp(`^Invalid value: ${text}(:|$)`))];
    expect(Object.fromEntries(said)).toEqual({ 'spec.tags[0].from.name': message });
    expect(said.get('spec.tags[0].from.name')?.[0]).toContain(advice);
    expect(parserProblem(name)).toBe(text);
  });

  it.each(faultyNames)('in an ImageStreamTag: $title: $text $advice', async ({ name, text, advice }) => {
    const tag = { from: { kind: 'DockerImage', name } };
    const said = await complaints('imagestreamtags', { metadata: { name: 'web.latest' }, tag });

    expect([...said.keys()]).toEqual(['tag.from.name']);
    expect(said.get('tag.from.name')).toEqual([expect.stringContaining(text)]);
    expect(said.get('tag.from.name')?.[0]).toContain(advice);
  });

  it('with the name, so that one can find it', async () => {
    const [[message] = []] = await complaintsOfSources(['quay.io/Org/app']);

    expect(message).toBe('Invalid value: repository name must be lowercase: "quay.io/Org/app"');
  });

  it.each(severalFaults)('for every fault: $name', async ({ name, texts }) => {
    const [said] = await complaintsOfSources([name]);

    expect(said).toEqual(texts.map((text) => expect.stringContaining(`Invalid value: ${text}`)));
    expect(texts).toContain(parserProblem(name));
  });

  it.each(otherWords)('in other words than the parser’s: $apiServer, $because', async (row) => {
    const [said] = await complaintsOfSources([row.name]);

    expect(said?.[0]).toContain(`Invalid value: ${row.apiServer}`);
    expect(parserProblem(row.name)).toBe(row.parser);
  });
});

describe('a source of a tag', () => {
  it.each(accepted)('is accepted: %s', async (name) => {
    expect(await complaintsOfSources([name])).toEqual([[]]);
    expect(parserProblem(name)).toBeUndefined();
  });

  it('is refused when the parser refuses it, and only then', async () => {
    const said = await complaintsOfSources(generatedNames);

    const refused = generatedNames.filter((_, index) => said[index]?.length !== 0);
    expect(refused).toEqual(generatedNames.filter((name) => parserProblem(name) !== undefined));
    expect(refused.length).toBeGreaterThan(1000);
    expect(generatedNames.length - refused.length).toBeGreaterThan(200);
  });

  it('of another kind is no pull spec', async () => {
    const tags = [
      { name: 'a', from: { kind: 'ImageStreamTag', name: 'Nginx' } },
      { name: 'b', from: { kind: 'ImageStreamImage', name: 'App' } },
    ];

    expect(await complaintsOfStream({ tags })).toEqual(new Map());
  });

  it.each(['255.255.255.255:65535/', 'registry.example.test:65535/', ''])(
    'may be as long as can be in all of a thousand tags: %s…',
    async (registry) => {
      const name = `${registry.padEnd(255, 'a')}:${'t'.repeat(128)}@${sha512}`;
      const tag = { from: { kind: 'DockerImage', name }, importPolicy: { scheduled: true } };
      const tags = Array.from({ length: 1000 }, (_, index) => ({
        name: `${index}`.padEnd(128, 'x'),
        ...tag,
      }));

      expect(parserProblem(name)).toBeUndefined();
      expect(await complaintsOfStream({ tags })).toEqual(new Map());
    },
  );
});

/** Without tag and digest. */
function isNameOnly(pullSpec: string): boolean {
  return !/:[^/]*$|@/.test(pullSpec);
}

const repositories: readonly { readonly name: string; readonly texts: readonly string[] }[] = [
  ...['', ...accepted.filter(isNameOnly)].map((name) => ({ name, texts: [] })),
  ...faultyNames.filter(({ name }) => isNameOnly(name)).map(({ name, text }) => ({ name, texts: [text] })),
  ...['b:c', 'quay.io/a/b:c', 'localhost:5000/b:c'].map((name) => ({ name, texts: [hasTag] })),
  ...[`b@${sha256}`, `quay.io/a/b@${sha512}`].map((name) => ({ name, texts: [hasId] })),
  { name: `quay.io/a/b:c@${sha256}`, texts: [hasTag, hasId] },
  { name: 'b:-c', texts: [`${wrongFormat}: ${hasTag}`] },
  { name: 'b@sha256', texts: [`${wrongFormat}: ${hasId}`] },
  { name: `b@sha256:${'A'.repeat(64)}`, texts: [`${wrongFormat}: ${hasId}`] },
  { name: `b@${sha256}7`, texts: [`${wrongLength}: ${hasId}`] },
  { name: `b@${md5}`, texts: [`${unknownAlgorithm}: ${hasId}`] },
  { name: 'Quay/b:c', texts: [upperCase, hasTag] },
];

describe('the repository of a stream', () => {
  it.each(repositories)('$name: $texts', async ({ name, texts }) => {
    const said = await complaintsOfStream({ dockerImageRepository: name });

    const messages = texts.map((text) => expect.stringContaining(`": ${text}`));
    expect(Object.fromEntries(said)).toEqual(
      texts.length === 0 ? {} : { 'spec.dockerImageRepository': messages },
    );
    const problem = name === '' ? undefined : repositoryProblem(name);
    expect(texts.some((text) => problem !== undefined && text.startsWith(problem))).toBe(texts.length > 0);
  });

  it('is refused when the operator refuses it, and only then', { timeout: 120_000 }, async () => {
    const some = generatedNames.slice(0, 1000);
    const refused: string[] = [];
    for (const name of some) {
      if ((await complaintsOfStream({ dockerImageRepository: name })).size > 0) refused.push(name);
    }

    expect(refused).toEqual(some.filter((name) => repositoryProblem(name) !== undefined));
  });
});
