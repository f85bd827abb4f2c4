import { describe, expect, it } from 'vitest';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { imageStreamTagTable } from '../domain/reference-tables.ts';
import type { Exchange } from './exchange.ts';
import type { Form } from './negotiation.ts';
import { tableOf } from './tables.ts';
import { tagList } from './tag-list.ts';
import { metadataOf } from './view-answer.ts';

const stored = 'image.openshift.io/v1crd';
const served = 'image.openshift.io/v1';
const table = imageStreamTagTable;

/** A stream with texts that look like the end of something. */
const streamOf = (name: string, tags: number) => ({
  apiVersion: stored,
  kind: 'ImageStream',
  metadata: {
    name,
    annotations: { a: '"items":[{', 'ü"': ']}' },
    managedFields: [{ apiVersion: stored, fieldsV1: { 'f:spec': {} }, manager: 'x' }],
  },
  status: { tags: Array.from({ length: tags }, (_, i) => ({ tag: `t${i}` })) },
});

/** A view of each tag, with what has been seen of the stream in it. */
const viewsOf = ({ metadata, status }: ImageStream) =>
  (status?.tags ?? []).map(({ tag }) => ({
    apiVersion: served,
    kind: 'ImageStreamTag',
    metadata: { name: `${metadata.name}:${tag}`, annotations: metadata.annotations ?? {} },
  }));

/** What is made of a list that comes in pieces of a length, and how many streams were looked at together at most. */
async function made(document: string, pieceLength: number, { form = 'object' }: { form?: Form } = {}) {
  const bytes = Buffer.from(document);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
  }
  const exchange = { form, url: new URL('https://face.test/') } as unknown as Exchange;
  const seen: string[][] = [];
  const fields: unknown[] = [];
  const prepare = async (streams: readonly ImageStream[]) => {
    seen.push(streams.map(({ metadata }) => metadata.name));
    fields.push(...streams.flatMap(({ metadata }) => metadata.managedFields ?? []));
    await Promise.resolve();
    return streams;
  };
  const kind = { kind: 'ImageStreamTagList', table, prepare, of: viewsOf };
  const parts: string[] = [];
  for await (const part of tagList(exchange, kind, 0)(pieces())) parts.push(part);
  const list = JSON.parse(parts.join('')) as Record<string, unknown>;
  return { list, seen, fields, parts: parts.map(({ length }) => length) };
}

describe('a list of tags', () => {
  const metadata = { resourceVersion: '7', continue: 'next', remainingItemCount: 3 };

  it.each([
    { name: 'no stream', tags: [] },
    { name: 'a stream without tags', tags: [0] },
    { name: 'streams with and without', tags: [0, 2, 0, 1, 0] },
  ])('is made of $name, wherever the pieces end', async ({ tags }) => {
    const items = tags.map((count, i) => streamOf(`s${i}`, count));
    // As the API server writes it, and with the metadata in front.
    for (const list of [
      { apiVersion: stored, items, kind: 'ImageStreamList', metadata },
      { metadata, apiVersion: stored, kind: 'ImageStreamList', items },
    ]) {
      const views = items.flatMap((stream) => viewsOf(stream as unknown as ImageStream));
      const whole = {
        apiVersion: served,
        kind: 'ImageStreamTagList',
        metadata: { resourceVersion: '7' },
        items: views,
      };
      const expected: Readonly<Record<Form, unknown>> = {
        object: whole,
        metadata: metadataOf(whole),
        table: tableOf(table, whole, { include: 'Metadata', now: 0 }),
      };
      for (const form of ['object', 'metadata', 'table'] as const)
        for (const pieceLength of [1, 2, 7, 64, 100_000])
          expect((await made(JSON.stringify(list), pieceLength, { form })).list).toEqual(
            JSON.parse(JSON.stringify(expected[form])),
          );
    }
  });

  it('looks together at what has come together, without managed fields, and hands on what is worth a write', async () => {
    const items = Array.from({ length: 400 }, (_, i) => streamOf(`s${i}`, 2));
    const { seen, fields, parts } = await made(JSON.stringify({ items, metadata }), 16_384);
    expect(seen.flat()).toEqual(items.map((stream) => stream.metadata.name));
    expect(fields).toEqual([]);
    expect(Math.max(...seen.map((names) => names.length))).toBeGreaterThan(10);
    expect(seen.length).toBeGreaterThan(5);
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.length).toBeLessThan(seen.length);
  });

  it('of a stream with many tags and long annotations has no piece much longer than one of them', async () => {
    const stream = streamOf('long', 1_000);
    const long = { ...stream, metadata: { ...stream.metadata, annotations: { a: 'x'.repeat(100_000) } } };
    const { list, parts } = await made(JSON.stringify({ items: [long], metadata }), 16_384);
    expect(list['items']).toHaveLength(1_000);
    expect(Math.max(...parts)).toBeLessThan(140_000);
  });

  it.each([
    { what: 'in an item', text: '{"items":[{"metadata":{"name":"a"},"status":{"tags":[' },
    { what: 'between two', text: '{"items":[{"metadata":{"name":"a"}}' },
    { what: 'in a text', text: '{"items":[{"metadata":{"name":"a' },
  ])('that ends $what is no list', async ({ text }) => {
    await expect(made(text, 10)).rejects.toThrow('the list has no end');
  });
});
