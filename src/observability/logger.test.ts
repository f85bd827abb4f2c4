import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function setUp() {
  const lines: string[] = [];
  return { log: createLogger('debug', { write: (line) => lines.push(line) }), lines };
}

describe('a line of the log', () => {
  it('has time, level and message beside what is known', () => {
    const { log, lines } = setUp();
    log.info({ stream: 'apps/web', images: 3, moved: true }, 'tag moved');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        stream: 'apps/web',
        images: 3,
        moved: true,
        msg: 'tag moved',
      },
    ]);
  });

  it.each([
    { name: 'a long text', fields: { name: 'x'.repeat(1_000_000) } },
    { name: 'a long list', fields: { names: Array.from({ length: 100_000 }, () => 'some-name') } },
    { name: 'a long message of an error', fields: { err: new Error('x'.repeat(1_000_000)) } },
    { name: 'an error that is its own cause', fields: { err: ownCause() } },
    { name: 'depth', fields: { a: nested(10_000) } },
    { name: 'half a character at the cut', fields: { name: `${'x'.repeat(1_023)}😀${'x'.repeat(99)}` } },
  ])('is bounded, also with $name', ({ fields }) => {
    const { log, lines } = setUp();
    log.warn(fields, 'happened');
    expect(lines).toHaveLength(1);
    const [line = ''] = lines;
    expect(line.length).toBeLessThan(64 * 1_024);
    expect(line.isWellFormed()).toBe(true);
    expect(JSON.parse(line)).toMatchObject({ msg: 'happened' });
  });

  it.each(['authorization', 'password', 'token', 'auth', 'data'])('never has what is called %s', (key) => {
    const { log, lines } = setUp();
    log.info(
      { [key]: 'hunter2', inner: { [key]: 'hunter2', more: { [key]: 'hunter2' } } },
      'something happened',
    );
    expect(lines[0]).not.toContain('hunter2');
    expect(lines[0]).toContain('[redacted]');
  });

  it('has of an error nothing but its words', () => {
    const { log, lines } = setUp();
    const error = Object.assign(new Error('refused', { cause: new Error('by the peer') }), {
      code: 'ECONNREFUSED',
      request: { headers: { cookie: 'hunter2' } },
    });
    log.error({ err: error }, 'failed');
    expect(lines[0]).not.toContain('hunter2');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      err: { type: 'Error', message: 'refused', code: 'ECONNREFUSED', cause: { message: 'by the peer' } },
    });
  });
});

function ownCause(): Error {
  const error = new Error('again');
  error.cause = error;
  return error;
}

function nested(depth: number): object {
  let value: object = {};
  for (let i = 0; i < depth; i++) value = { a: value };
  return value;
}
