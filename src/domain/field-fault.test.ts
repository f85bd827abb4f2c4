import { describe, expect, it } from 'vitest';

import {
  faultsText,
  forbiddenFault,
  internalFault,
  invalidFault,
  notFoundFault,
  notSupportedFault,
  requiredFault,
} from './field-fault.ts';

describe('a fault', () => {
  it.each([
    { fault: requiredFault('a.b'), text: 'a.b: Required value' },
    { fault: requiredFault('a', 'name it'), text: 'a: Required value: name it' },
    { fault: invalidFault('a', 'x"y', 'no'), text: String.raw`a: Invalid value: "x\"y": no` },
    { fault: invalidFault('a', undefined), text: 'a: Invalid value: null' },
    { fault: notFoundFault('a', 'b:c'), text: 'a: Not found: "b:c"' },
    { fault: forbiddenFault('a', 'not you'), text: 'a: Forbidden: not you' },
    { fault: internalFault('oh'), text: '[]: Internal error: oh' },
    {
      fault: notSupportedFault('dryRun', ['x'], ['All']),
      text: 'dryRun: Unsupported value: ["x"]: supported values: "All"',
    },
  ])('reads $text', ({ fault, text }) => {
    expect(faultsText([fault])).toBe(text);
  });

  it('repeats little of a long value', () => {
    expect(faultsText([invalidFault('a', 'x'.repeat(1_000_000))]).length).toBeLessThan(600);
  });

  it('is told with others in brackets, and once', () => {
    const [one, two] = [requiredFault('a'), requiredFault('b')];
    expect(faultsText([one, two, one])).toBe('[a: Required value, b: Required value]');
  });
});
