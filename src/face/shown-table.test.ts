import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { imageStreamTable } from '../domain/reference-tables.ts';
import { ShownTable } from './shown-table.ts';
import { tableOf } from './tables.ts';
import { toServed } from './versions.ts';

const apiVersion = 'image.openshift.io/v1crd';
const managedFields = [{ apiVersion, fieldsV1: { 'f:spec': {} }, manager: 'operator' }];
const itemOf = (name: string) => ({
  apiVersion,
  kind: 'ImageStream',
  metadata: { name, annotations: { a: '"rows":[' }, managedFields },
  status: { dockerImageRepository: 'r.test/a', tags: [{ tag: 'ü"]', items: [] }] },
});
const metadata = { resourceVersion: '7', continue: 'next', remainingItemCount: 3 };

it.each([0, 1, 3])('a list of %i is the table that it is as a whole', async (count) => {
  const items = Array.from({ length: count }, (_, i) => itemOf(`web-${i}`));
  // As the API server writes it, and with the metadata in front.
  for (const list of [
    { apiVersion, items, kind: 'ImageStreamList', metadata },
    { metadata, apiVersion, kind: 'ImageStreamList', items },
  ])
    for (const include of ['None', 'Metadata', 'Object'] as const) {
      const rows = { include, now: 0 };
      const expected = tableOf(imageStreamTable, toServed(list), rows);
      for (const pieceLength of [1, 7, 100_000]) {
        const bytes = Buffer.from(JSON.stringify(list));
        const pieces = Array.from({ length: Math.ceil(bytes.length / pieceLength) }, (_, i) =>
          bytes.subarray(i * pieceLength, (i + 1) * pieceLength),
        );
        const shown = await text(Readable.from(pieces).pipe(new ShownTable(imageStreamTable, rows)));
        expect(JSON.parse(shown)).toEqual(expected);
      }
    }
});
