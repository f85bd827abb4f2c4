import { describe, expect, it } from 'vitest';
import { tlsFixture } from '../../test/support/transport-probe.ts';
import { parseCaBundle } from './trust-roots.ts';

const ca = tlsFixture('ca');
const otherCa = tlsFixture('other-ca');

describe('a CA bundle', () => {
  it.each([
    { name: 'one', bundle: ca, want: [ca.trim()] },
    {
      name: 'several, with text between them',
      bundle: `${otherCa}subject=x\n${ca}end`,
      want: [otherCa.trim(), ca.trim()],
    },
    { name: 'no keys', bundle: ca + tlsFixture('server-key'), want: [ca.trim()] },
  ])('gives its certificates: $name', ({ bundle, want }) => {
    expect(parseCaBundle(bundle)).toEqual(want);
  });

  it.each([
    { name: 'empty', bundle: '', want: 'the CA bundle holds no certificate in PEM form' },
    { name: 'other text', bundle: 'c2VjcmV0', want: 'the CA bundle holds no certificate in PEM form' },
    { name: 'cut off', bundle: ca.slice(0, -10), want: 'the CA bundle holds no certificate in PEM form' },
    {
      name: 'a broken one among good ones',
      bundle: ca + ca.replace('MII', 'AAA') + otherCa,
      want: 'certificate 2 of the CA bundle cannot be read',
    },
  ])('says what is wrong with it: $name', ({ bundle, want }) => {
    expect(() => parseCaBundle(bundle)).toThrow(new Error(want));
  });
});
