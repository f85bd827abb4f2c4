import { describe, expect, it } from 'vitest';
import { callerOf, type RequestHeaderNames } from './identity.ts';

const names: RequestHeaderNames = {
  user: ['X-Remote-User'],
  uid: ['X-Remote-Uid'],
  group: ['X-Remote-Group'],
  extraPrefix: ['X-Remote-Extra-'],
};

describe('a caller', () => {
  it('has all that the front proxy says, and a group with a comma is one', () => {
    const headers = [
      'X-Remote-User',
      'alice',
      'x-remote-uid',
      'u1',
      'X-REMOTE-GROUP',
      'a, b',
      'x-remote-group',
      'c',
      'X-Remote-Extra-Scopes',
      'one',
      'x-remote-extra-scopes',
      'two',
      'X-Remote-Extra-a%2fb',
      'three',
      'Accept',
      'x',
      'X-Remote-Users',
      'bob',
    ];
    expect(callerOf(headers, names)).toEqual({
      user: 'alice',
      uid: 'u1',
      groups: ['a, b', 'c'],
      extra: { scopes: ['one', 'two'], 'a/b': ['three'] },
    });
  });

  it.each([
    { name: 'without a user', headers: ['X-Remote-Group', 'system:masters'] },
    { name: 'with an empty one', headers: ['X-Remote-User', ''] },
    { name: 'without headers', headers: [] },
  ])('is nobody $name', ({ headers }) => {
    expect(callerOf(headers, names)).toBeUndefined();
  });

  it('is the one of the first header that is there', () => {
    const more = { ...names, user: ['X-First', 'X-Second'] };
    expect(callerOf(['X-Second', 'b', 'X-First', 'a'], more)?.user).toBe('a');
    expect(callerOf(['X-Second', 'b'], more)?.user).toBe('b');
  });

  it('may have an extra whose name is no escape', () => {
    expect(callerOf(['X-Remote-User', 'a', 'X-Remote-Extra-%zz', 'x'], names)?.extra).toEqual({
      '%zz': ['x'],
    });
  });

  it('is named in UTF-8', () => {
    const latin1 = Buffer.from('Köln', 'utf8').toString('latin1');
    expect(callerOf(['X-Remote-User', latin1, 'X-Remote-Group', latin1], names)).toMatchObject({
      user: 'Köln',
      groups: ['Köln'],
    });
  });
});
