import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../api/json.ts';
import { type Show, ShownList } from './shown-list.ts';
import { toServed } from './versions.ts';

const stored = 'image.openshift.io/v1crd';
const served = 'image.openshift.io/v1';

/** Managed fields as the API server keeps them, of both versions. */
const managedFields = [
  { apiVersion: stored, fieldsV1: { 'f:status': { 'k:{"tag":"a]"}': {} } }, manager: 'operator' },
  { apiVersion: served, fieldsV1: { 'f:spec': {} }, manager: 'kubectl' },
];

function itemOf(metadata: object, spec: object = {}): JsonObject {
  return { apiVersion: stored, kind: 'ImageStream', metadata: { name: 'web', ...metadata }, spec };
}

/** Hands the bytes over in pieces of a length. */
async function shown(document: string, pieceLength: number, show: Show): Promise<string> {
  const bytes = Buffer.from(document);
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceLength) }, (_, i) =>
    bytes.subarray(i * pieceLength, (i + 1) * pieceLength),
  );
  return text(Readable.from(pieces).pipe(new ShownList(show)));
}

const show: Show = (object) => ({ ...(toServed(object) as JsonObject), seen: true });

const cases: readonly { name: string; items: readonly JsonObject[] }[] = [
  { name: 'a list of nothing', items: [] },
  { name: 'items without managed fields', items: [itemOf({}), itemOf({ labels: { a: 'b' } })] },
  {
    name: 'items with managed fields before and behind other members',
    items: [itemOf({ managedFields }), itemOf({ annotations: { a: '1' }, managedFields, uid: 'u' })],
  },
  { name: 'managed fields of nobody', items: [itemOf({ managedFields: [] })] },
  {
    name: 'texts with quotes, backslashes, brackets and characters of several bytes',
    items: [
      itemOf({ annotations: { 'a"]}{[': '\\', b: '\\"', c: '…}]' }, managedFields }, { 'ü"': '\\\\"[' }),
    ],
  },
  {
    name: 'texts that look like managed fields',
    items: [
      itemOf({
        annotations: { '"managedFields': '"managedFields":[]', b: '"managedFields":[' },
        managedFields,
      }),
    ],
  },
  {
    name: 'other lists where managed fields could be',
    items: [itemOf({ managedFields }, { managedFields: [1, [2]], tags: [{ name: 'a' }] })],
  },
];

describe('a list that is shown item by item', () => {
  it.each(cases)('is the one that is shown as a whole: $name', async ({ items }) => {
    const list = { apiVersion: stored, kind: 'ImageStreamList', metadata: { resourceVersion: '7' }, items };
    const expected = { ...list, apiVersion: served, items: items.map(show) };
    for (const pieceLength of [1, 2, 3, 5, 16, 17, 64, 1_000_000])
      expect(JSON.parse(await shown(JSON.stringify(list), pieceLength, show))).toEqual(expected);
  });

  it('keeps managed fields also of an object that is shown without annotations or in another order', async () => {
    const list = { items: [itemOf({ managedFields })] };
    const reversed: Show = ({ metadata, ...rest }) => ({ ...rest, metadata });
    const [item] = (JSON.parse(await shown(JSON.stringify(list), 1_000, reversed)) as typeof list).items;
    expect(item?.['metadata']).toEqual({
      name: 'web',
      managedFields: managedFields.map((entry) => ({ ...entry, apiVersion: served })),
    });
  });

  it('keeps them where they are, whatever else of that name there is', async () => {
    const dockerImageMetadata = { a: { managedFields: [] } };
    const items: JsonObject[] = [{ dockerImageMetadata, ...itemOf({ managedFields }) }];
    const document = await shown(JSON.stringify({ items }), 1_000, (object) => object);
    expect(JSON.parse(document)).toMatchObject({
      items: [
        {
          dockerImageMetadata,
          metadata: { managedFields: managedFields.map((entry) => ({ ...entry, apiVersion: served })) },
        },
      ],
    });
  });

  it('ends with an item that is longer than any object can be', async () => {
    const list = { items: [itemOf({ annotations: { a: 'x'.repeat(17 * 1024 * 1024) } })] };
    await expect(shownPiped(JSON.stringify(list))).rejects.toThrow('too long');
  });
});

async function shownPiped(document: string): Promise<string> {
  const bytes = Buffer.from(document);
  const list = new ShownList((object) => object);
  const result = text(list);
  for (let at = 0; at < bytes.length && !list.destroyed; at += 65_536)
    list.write(bytes.subarray(at, at + 65_536));
  list.end();
  return result;
}
