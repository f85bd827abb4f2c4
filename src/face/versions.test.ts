import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { array, assert, asyncProperty, nat } from 'fast-check';
import { expect, it } from 'vitest';
import { ServedVersion, toServed, toStored } from './versions.ts';

const stored = JSON.stringify({
  apiVersion: 'image.openshift.io/v1crd',
  kind: 'ImageStreamList',
  items: [
    {
      apiVersion: 'image.openshift.io/v1crd',
      metadata: {
        annotations: { note: '"apiVersion":"image.openshift.io/v1crd"' },
        managedFields: [{ apiVersion: 'image.openshift.io/v1crd' }, { apiVersion: 'v1' }],
      },
    },
  ],
});
const served = JSON.stringify(toServed(JSON.parse(stored)));

it('renames the version of objects, lists and managed fields, and nothing within texts', () => {
  expect(JSON.parse(served)).toEqual({
    apiVersion: 'image.openshift.io/v1',
    kind: 'ImageStreamList',
    items: [
      {
        apiVersion: 'image.openshift.io/v1',
        metadata: {
          annotations: { note: '"apiVersion":"image.openshift.io/v1crd"' },
          managedFields: [{ apiVersion: 'image.openshift.io/v1' }, { apiVersion: 'v1' }],
        },
      },
    ],
  });
  expect(toStored(JSON.parse(served))).toEqual(JSON.parse(stored));
});

it('does the same to what goes by, wherever it is cut', async () => {
  const cuts = array(nat(stored.length), { maxLength: 8 });
  await assert(
    asyncProperty(cuts, async (places) => {
      const at = [0, ...places.toSorted((a, b) => a - b), stored.length];
      const chunks = at.slice(1).map((end, i) => Buffer.from(stored.slice(at[i], end)));
      expect(await text(Readable.from(chunks).pipe(new ServedVersion()))).toBe(served);
    }),
  );
});

it('holds nothing back at the end of an event', async () => {
  const through = new ServedVersion();
  through.write('{"type":"ADDED"}\n');
  expect(String(through.read())).toBe('{"type":"ADDED"}\n');
});

it.each([undefined, null, 7, 'x', [1]])('leaves %j as it is', (value) => {
  expect(toStored(value)).toEqual(value);
});
