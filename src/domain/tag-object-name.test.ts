import { assert, property, stringMatching } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTagObjectName, tagObjectName } from './tag-object-name.ts';

const dnsName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

describe('the name of a tag’s object', () => {
  it.each([
    { name: 'stream and tag with a dot between', stream: 'python', tag: '3.6', want: 'python.3.6' },
    { name: 'the same for one with a hyphen', stream: 'my-app', tag: 'v1-rc.2', want: 'my-app.v1-rc.2' },
    { name: 'a hash for upper case', stream: 'web', tag: 'V1', want: /^web\.v1--[0-9a-f]{16}$/ },
    { name: 'a hash for an underscore', stream: 'web', tag: '_a_b', want: /^web\.a-b--[0-9a-f]{16}$/ },
    { name: 'a hash for only underscores', stream: 'web', tag: '__', want: /^web\.tag--[0-9a-f]{16}$/ },
    {
      name: 'a hash for a dot in the stream',
      stream: 'my.app',
      tag: '1',
      want: /^my\.app\.1--[0-9a-f]{16}$/,
    },
    { name: 'a hash for two dots in a row', stream: 'web', tag: 'a..b', want: /^web\.a\.b--[0-9a-f]{16}$/ },
    { name: 'a hash for a hyphen at the end', stream: 'web', tag: 'a-', want: /^web\.a--[0-9a-f]{16}$/ },
    {
      name: 'a hash for what looks like a name with a hash',
      stream: 'web',
      tag: 'a--0123abcd0123abcd',
      want: /^web\.a--0123abcd0123abcd--[0-9a-f]{16}$/,
    },
    { name: 'no hash for a commit', stream: 'web', tag: 'main-0123abcd', want: 'web.main-0123abcd' },
    {
      name: 'a hash for a name that would be too long',
      stream: 'w'.repeat(200),
      tag: 't'.repeat(100),
      want: /^w{200}\.t{34}--[0-9a-f]{16}$/,
    },
  ])('is $name', ({ stream, tag, want }) => {
    const name = tagObjectName(stream, tag);
    expect(name).toMatch(want instanceof RegExp ? want : new RegExp(`^${want.replaceAll('.', '\\.')}$`));
    expect(name).toMatch(dnsName);
  });

  it('differs for tags that differ only in case', () => {
    const names = ['V1', 'v1', 'v1_', '_v1'].map((tag) => tagObjectName('web', tag));
    expect(new Set(names).size).toBe(4);
  });

  const stream = stringMatching(/^[a-z0-9]{1,8}([.-][a-z0-9]{1,8}){0,3}$/);
  const tag = stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/);

  it('is a DNS name and can be read back, whatever the tag', () => {
    assert(
      property(stream, tag, (streamName, tagName) => {
        const name = tagObjectName(streamName, tagName);
        expect(name.length).toBeLessThanOrEqual(253);
        expect(name).toMatch(dnsName);
        const want = { stream: streamName, tag: tagName };
        expect(parseTagObjectName(name, { full: `${streamName}:${tagName}` })).toEqual(want);
        expect(parseTagObjectName(name, { tag: tagName })).toEqual(want);
        if (name === `${streamName}.${tagName}`) expect(parseTagObjectName(name)).toEqual(want);
      }),
    );
  });
});

describe('the tag behind a name', () => {
  it.each([
    { name: 'the part behind the first dot', object: 'python.3.6', known: {}, want: 'python:3.6' },
    { name: 'what tag.name says too', object: 'python.3.6', known: { tag: '3.6' }, want: 'python:3.6' },
    {
      name: 'of a hashed name what tag.name says',
      object: tagObjectName('web', 'V1'),
      known: { tag: 'V1' },
      want: 'web:V1',
    },
    {
      name: 'of a hashed name what the annotation says',
      object: tagObjectName('my.app', 'V1'),
      known: { full: 'my.app:V1' },
      want: 'my.app:V1',
    },
    { name: 'nothing without a dot', object: 'python', known: {}, want: undefined },
    {
      name: 'nothing when tag.name says otherwise',
      object: 'python.3.6',
      known: { tag: '3.7' },
      want: undefined,
    },
    {
      name: 'nothing for a hash of something else',
      object: 'web.v1--0000000000000000',
      known: { tag: 'V1' },
      want: undefined,
    },
    {
      name: 'nothing for an annotation that does not fit',
      object: 'web.v1--0000000000000000',
      known: { full: 'web:V1' },
      want: undefined,
    },
    {
      name: 'the name when the annotation does not fit',
      object: 'web.v1',
      known: { full: 'web:V2' },
      want: 'web:v1',
    },
  ])('is $name', ({ object, known, want }) => {
    const found = parseTagObjectName(object, known);
    expect(found === undefined ? undefined : `${found.stream}:${found.tag}`).toBe(want);
  });
});
