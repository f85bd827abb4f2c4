import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatches } from './glob.ts';

describe('a glob', () => {
  it.each([
    { pattern: '', text: '', want: true },
    { pattern: '', text: 'a', want: false },
    { pattern: 'quay.io', text: 'quay.io', want: true },
    { pattern: 'quay.io', text: 'quayXio', want: false },
    { pattern: 'quay.io', text: 'quay.io.evil', want: false },
    { pattern: 'quay.io', text: 'quay.i', want: false },
    { pattern: 'Quay.io', text: 'quay.io', want: false },
    { pattern: '*', text: '', want: true },
    { pattern: '*', text: 'a.b/c:1', want: true },
    { pattern: '**', text: 'a', want: true },
    { pattern: '?', text: '', want: false },
    { pattern: '?', text: 'a', want: true },
    { pattern: '?', text: 'ab', want: false },
    { pattern: '*.example.com', text: 'a.b.example.com', want: true },
    { pattern: '*.example.com', text: 'example.com', want: false },
    { pattern: 'reg-?.example.com', text: 'reg-1.example.com', want: true },
    { pattern: 'reg-?.example.com', text: 'reg-12.example.com', want: false },
    { pattern: 'a*b*c', text: 'aXbXbXc', want: true },
    { pattern: 'a*b*c', text: 'aXcXbX', want: false },
    { pattern: '*a?', text: 'aab', want: true },
    { pattern: '(a+)+$', text: 'aaaa', want: false },
  ])('"$pattern" for "$text": $want', ({ pattern, text, want }) => {
    expect(globMatches(pattern, text)).toBe(want);
  });

  it('agrees with the regular expression that says the same', () => {
    const pieces = array(constantFrom('a', 'b', '.', '*', '?'), { maxLength: 8 });
    const sources = new Map([
      ['*', '.*'],
      ['?', '.'],
      ['.', '\\.'],
    ]);
    const letters = array(constantFrom('a', 'b', '.'), { maxLength: 10 });
    assert(
      property(pieces, letters, (pattern, text) => {
        const source = pattern.map((piece) => sources.get(piece) ?? piece);
        return (
          globMatches(pattern.join(''), text.join('')) ===
          new RegExp(`^${source.join('')}$`).test(text.join(''))
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('stays quick where a regular expression would try every way to share out the text', () => {
    expect(globMatches(`${'*a'.repeat(100)}b`, 'a'.repeat(2_000))).toBe(false);
  });
});
