import { describe, expect, it } from 'vitest';
import { parsedYaml } from './sent-body.ts';

const megabyte = 'x'.repeat(1024 * 1024);

describe('YAML', () => {
  it('is read', () => {
    expect(parsedYaml('a: [1, two]\n', '')).toEqual({ a: [1, 'two'] });
  });

  it('may be JSON of any length', () => {
    expect(parsedYaml(` {"a":"${megabyte}"}`, '')).toEqual({ a: megabyte });
  });

  it('may begin like JSON', () => {
    expect(parsedYaml('{a: 1}', '')).toEqual({ a: 1 });
  });

  it.each([
    { what: 'that is long', text: `a: ${megabyte}`, code: 413, message: '524288 of YAML' },
    { what: 'that is long and begins like JSON', text: `{a: ${megabyte}}`, code: 413, message: 'of YAML' },
    { what: 'with aliases', text: 'a: &a [1]\nb: *a', code: 400, message: 'before: ' },
    {
      what: 'that is deep JSON',
      text: `{"a":${'['.repeat(2_000)}`,
      code: 400,
      message: 'exceeded max depth',
    },
  ])('$what is refused', ({ text, code, message }) => {
    expect(() => parsedYaml(text, 'before: ')).toThrow(
      expect.objectContaining({
        status: expect.objectContaining({ code, message: expect.stringContaining(message) }),
      }),
    );
  });
});
