import { expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { playApiServer } from '../../test/support/played-api-server.ts';
import { valueAt } from '../api/json.ts';
import { systemClock } from '../runtime/clock.ts';
import { Access } from './access.ts';
import type { RequestInfo } from './request-info.ts';

const caller = { user: 'alice', uid: undefined, groups: [], extra: {} };

function infoOf(verb: RequestInfo['verb'], name: string | undefined): RequestInfo {
  return { verb, namespace: 'shop', resource: 'imagestreamtags', name, subresource: undefined };
}

/** Alice asks, of whom the API server says for which names she may; `*` is all of them, also those that are not named. */
async function play(mayFor: readonly string[]) {
  const asked: string[] = [];
  const api = await playApiServer(systemClock, ({ body }) => {
    const attributes = valueAt(body, ['spec', 'resourceAttributes']);
    const name = valueAt(attributes, ['name']);
    asked.push(`${String(valueAt(attributes, ['verb']))} ${typeof name === 'string' ? name : '-'}`);
    const allowed = mayFor.includes('*') || (typeof name === 'string' && mayFor.includes(name));
    return { status: 201, body: { status: { allowed, reason: allowed ? '' : 'not hers' } } };
  });
  onTestFinished(() => api[Symbol.asyncDispose]());
  const clock = new FakeClock();
  const access = new Access({ client: api.client, clock });
  const check = (verb: RequestInfo['verb'], name?: string) => access.check(caller, infoOf(verb, name));
  return { asked, clock, check };
}

it('asks once for all gets of who may get everything there, and again after five seconds', async () => {
  const { asked, clock, check } = await play(['*']);
  await check('get', 'web:1');
  await check('get', 'web:2');
  await clock.advance(4_999);
  await check('get', 'web:3');
  expect(asked).toEqual(['get -']);
  await clock.advance(1);
  await check('get', 'web:1');
  expect(asked).toEqual(['get -', 'get -']);
});

it('asks about the name for who may get that one only', async () => {
  const { asked, check } = await play(['web:1']);
  await check('get', 'web:1');
  await expect(check('get', 'web:2')).rejects.toThrow(
    'imagestreamtags.image.openshift.io "web:2" is forbidden: User "alice" cannot get resource "imagestreamtags" in API group "image.openshift.io" in the namespace "shop": not hers',
  );
  expect(asked).toEqual(['get -', 'get web:1', 'get web:2']);
});

it.each(['update', 'patch', 'delete'] as const)('asks about each name for %s', async (verb) => {
  const { asked, check } = await play(['*']);
  await check(verb, 'web:1');
  await check(verb, 'web:2');
  expect(asked).toEqual([`${verb} web:1`, `${verb} web:2`]);
});

it('does not take the right to some for the right to all', async () => {
  const { check } = await play(['web:1']);
  await check('get', 'web:1');
  await expect(check('list')).rejects.toThrow('cannot list resource');
  await expect(check('get')).rejects.toThrow('cannot get resource');
});
