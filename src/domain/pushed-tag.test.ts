import { describe, expect, it } from 'vitest';
import { digest, dockerTag, itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, NamedTagEventList, TagReference } from '../api/generated/image-stream.ts';
import { pushedTag } from './pushed-tag.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const failed = {
  type: 'ImportSuccess' as const,
  status: 'False' as const,
  generation: 1,
  message: 'no',
};

function push(stream: ImageStream, digit: string, reference = `r.example/app@${digest(digit)}`) {
  const pushed = { tag: 'latest', digest: digest(digit), dockerImageReference: reference };
  return pushedTag(stream, pushed, { now, historyLimit: 3 });
}

function streamWith(entry: Partial<NamedTagEventList>, tags: TagReference[] = []): ImageStream {
  return streamOf(tags, [
    { tag: 'latest', ...entry },
    { tag: 'other', items: [itemOf('f')] },
  ]);
}

function item(digit: string, more: object = {}) {
  return itemOf(digit, { dockerImageReference: `r.example/app@${digest(digit)}`, ...more });
}

function entryAfter(result: ReturnType<typeof push>): NamedTagEventList | undefined {
  return result.kind === 'status' ? result.status.tags?.find(({ tag }) => tag === 'latest') : undefined;
}

describe('a push', () => {
  it('puts a new image in front, with the time and the generation of the stream, and clears conditions', () => {
    const stream = streamWith({ items: [item('a')], conditions: [failed] });
    expect(entryAfter(push(stream, 'b'))).toEqual({
      tag: 'latest',
      items: [
        {
          created: '2026-01-01T12:00:00Z',
          dockerImageReference: `r.example/app@${digest('b')}`,
          image: digest('b'),
          generation: stream.metadata.generation,
        },
        item('a'),
      ],
    });
  });

  it('makes a tag that is not there, between the others', () => {
    const stream = streamOf([], [{ tag: 'a' }, { tag: 'z' }]);
    const result = push(stream, 'b');
    expect(result.kind === 'status' && result.status.tags?.map(({ tag }) => tag)).toEqual([
      'a',
      'latest',
      'z',
    ]);
  });

  it('of an older image is an entry of its own', () => {
    const stream = streamWith({ items: [item('b'), item('a')] });
    expect(entryAfter(push(stream, 'a'))?.items?.map(({ image }) => image)).toEqual(
      ['a', 'b', 'a'].map(digest),
    );
  });

  it('lets the oldest go when there is no room', () => {
    const stream = streamWith({ items: [item('c'), item('b'), item('a')] });
    expect(entryAfter(push(stream, 'd'))?.items?.map(({ image }) => image)).toEqual(
      ['d', 'c', 'b'].map(digest),
    );
  });

  it('of the image that the tag has changes nothing', () => {
    const stream = streamOf([]);
    const { generation = 0 } = stream.metadata;
    const present = { ...stream, status: { tags: [{ tag: 'latest', items: [item('a', { generation })] }] } };
    expect(push(present, 'a')).toEqual({ kind: 'nothing' });
  });

  it('of the image that the tag has from elsewhere corrects the pull spec, and keeps conditions', () => {
    const stream = streamWith({ items: [item('a', { created: 'then' })], conditions: [failed] });
    expect(entryAfter(push(stream, 'a', `other.example/app@${digest('a')}`))).toEqual({
      tag: 'latest',
      items: [item('a', { created: 'then', dockerImageReference: `other.example/app@${digest('a')}` })],
      conditions: [failed],
    });
  });

  it('keeps what the operator remembers of the source of the tag', () => {
    const lastImport = { from: { kind: 'DockerImage', name: 'r.example/app:1' } };
    const stream = streamWith({ items: [item('a')], lastImport }, [dockerTag('latest', 'r.example/app:1')]);
    expect(entryAfter(push(stream, 'b'))?.lastImport).toEqual(lastImport);
  });

  it('is refused by a tag that follows another one, for it would be undone', () => {
    expect(push(streamWith({}, [linkTag('latest', 'other')]), 'b')).toMatchObject({
      kind: 'refused',
      fault: {
        field: 'tag',
        message: 'Invalid value: "latest": follows the tag other of its stream: push to that one',
      },
    });
  });

  it('is refused by a stream that has as many tags as a stream may have', () => {
    const tags = Array.from({ length: 1_000 }, (_, i) => ({ tag: `t${i}` }));
    expect(push(streamOf([], tags), 'b')).toMatchObject({ kind: 'refused', fault: { field: 'tag' } });
    expect(push(streamOf([], [...tags.slice(1), { tag: 'latest' }]), 'b').kind).toBe('status');
  });
});
