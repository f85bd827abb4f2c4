import { describe, expect, it } from 'vitest';
import { parseTriggers } from './trigger-annotation.ts';

const place = { namespace: 'apps', podSpecPath: 'spec.template.spec' };
const from = { kind: 'ImageStreamTag', name: 'web:latest' };
const fieldPath = 'spec.template.spec.containers[?(@.name=="web")].image';

function parse(value: unknown) {
  return parseTriggers(typeof value === 'string' ? value : JSON.stringify(value), place);
}

describe('field paths', () => {
  it.each([
    { path: fieldPath, want: { by: 'name', list: 'containers', name: 'web' } },
    { path: 'spec.template.spec.containers[0].image', want: { by: 'index', list: 'containers', index: 0 } },
    {
      path: 'spec.template.spec.initContainers[12].image',
      want: { by: 'index', list: 'initContainers', index: 12 },
    },
    {
      path: "spec.template.spec.containers[?(@.name=='web')].image",
      want: { by: 'name', list: 'containers', name: 'web' },
    },
    {
      path: '$.spec.template.spec.containers[?( @.name == "web" )].image',
      want: { by: 'name', list: 'containers', name: 'web' },
    },
  ])('$path', ({ path, want }) => {
    expect(parse([{ from, fieldPath: path }])).toMatchObject({
      triggers: [{ container: want }],
      problems: [],
    });
  });

  it.each([
    { path: 'spec.containers[0].image', problem: 'it must start with spec.template.spec' },
    { path: 'spec.template.spec.containers[0].command', problem: 'field path is not valid' },
    { path: 'spec.template.spec.containers[-1].image', problem: 'field path is not valid' },
    { path: 'spec.template.spec.containers[?(@.image=="x")].image', problem: 'field path is not valid' },
    { path: 'spec.template.spec.volumes[0].image', problem: 'field path is not valid' },
    { path: '', problem: 'fieldPath is missing' },
    { path: 7, problem: 'fieldPath is missing' },
  ])('$path is refused', ({ path, problem }) => {
    const { triggers, problems } = parse([{ from, fieldPath: path }]);
    expect(triggers).toEqual([]);
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });
});

describe('the source', () => {
  it('is in the namespace of the workload unless it names another one', () => {
    const other = { ...from, namespace: 'shared' };
    const { triggers } = parse([
      { from, fieldPath },
      { from: other, fieldPath: 'spec.template.spec.containers[1].image' },
    ]);
    expect(triggers.map((trigger) => trigger.from)).toEqual([
      { namespace: 'apps', stream: 'web', tag: 'latest' },
      { namespace: 'shared', stream: 'web', tag: 'latest' },
    ]);
  });

  it.each([
    { source: undefined, problem: 'from is missing' },
    {
      source: { ...from, kind: 'DockerImage' },
      problem: 'from.kind must be ImageStreamTag, not "DockerImage"',
    },
    { source: { ...from, name: 'web' }, problem: 'from.name must be of the form <stream>:<tag>, not "web"' },
    { source: { ...from, name: ':latest' }, problem: 'from.name must be of the form' },
    { source: { ...from, name: 'a:b:c' }, problem: 'from.name must be of the form' },
    { source: { ...from, name: 'a:-x' }, problem: 'from.name must be of the form' },
    { source: { ...from, namespace: 3 }, problem: 'from.namespace must be a text' },
  ])('$source is refused', ({ source, problem }) => {
    expect(parse([{ from: source, fieldPath }]).problems).toEqual([expect.stringContaining(problem)]);
  });
});

describe('paused', () => {
  it.each([
    { paused: undefined, want: false },
    { paused: null, want: false },
    { paused: true, want: true },
    { paused: false, want: false },
    { paused: 'true', want: true },
    { paused: 'false', want: false },
  ])('$paused means $want', ({ paused, want }) => {
    expect(parse([{ from, fieldPath, paused }]).triggers).toMatchObject([{ paused: want }]);
  });

  it('is nothing else', () => {
    expect(parse([{ from, fieldPath, paused: 'yes' }]).problems).toEqual([
      'trigger 1: paused must be true or false',
    ]);
  });
});

describe('the annotation as a whole', () => {
  it.each([
    { name: 'null is no triggers', text: 'null', problems: [] },
    { name: 'an empty list is no triggers', text: '[]', problems: [] },
    { name: 'no JSON', text: '[{', problems: ['the annotation is not valid JSON'] },
    { name: 'empty', text: '', problems: ['the annotation is not valid JSON'] },
    { name: 'an object', text: '{}', problems: ['the annotation is not a JSON array'] },
    {
      name: 'endless',
      text: `[${' '.repeat(70_000)}]`,
      problems: ['the annotation is longer than 65536 characters'],
    },
    { name: 'entries that are no objects', text: '[1]', problems: ['trigger 1: it is not an object'] },
    {
      name: 'nested deeper than a stack',
      text: `[{"from":{"kind":${'['.repeat(30_000)}${']'.repeat(30_000)}}}]`,
      problems: [expect.stringMatching(/^trigger 1: from.kind must be ImageStreamTag, not \[{101}null/)],
    },
  ])('$name', ({ text, problems }) => {
    expect(parseTriggers(text, place)).toEqual({ triggers: [], problems });
  });

  it('lets the good entries act beside the bad ones, and refuses a second one for the same path', () => {
    const { triggers, problems } = parse([
      { from, fieldPath: 'nonsense' },
      { from, fieldPath },
      { from, fieldPath },
    ]);
    expect(triggers).toHaveLength(1);
    expect(problems).toEqual([
      'trigger 1: field path is not valid: nonsense',
      `trigger 3: duplicate triggers are not allowed: ${fieldPath}`,
    ]);
  });

  it('reads keys in any case and ignores unknown ones, as the reference does', () => {
    const { triggers, problems } = parse([
      { From: { Kind: 'ImageStreamTag', NAME: 'web:1' }, fieldpath: fieldPath, pause: 'false' },
    ]);
    expect(problems).toEqual([]);
    expect(triggers).toMatchObject([{ from: { stream: 'web', tag: '1' }, paused: false }]);
  });
});

describe('the path of a kind with one image', () => {
  const imagePath = 'spec.params[?(@.name=="builder")].value';
  const parseAt = (path: string) =>
    parseTriggers(JSON.stringify([{ from, fieldPath: path }]), {
      namespace: 'apps',
      podSpecPath: '',
      imagePath,
    });

  it.each([imagePath, `$.${imagePath}`, "spec.params[?( @.name == 'builder' )].value"])(
    'may be %s',
    (path) => {
      expect(parseAt(path)).toMatchObject({
        triggers: [{ container: { by: 'index', list: 'containers', index: 0 } }],
        problems: [],
      });
    },
  );

  it.each(['spec.params[?(@.name=="other")].value', 'spec.template.spec.containers[0].image', '.', 'x'])(
    'is not %s',
    (path) => {
      expect(parseAt(path).problems).toEqual([
        `trigger 1: field path is not valid: ${path}: it must be ${imagePath}`,
      ]);
    },
  );
});
