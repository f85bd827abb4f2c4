import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { type ApiAnswer, playApiServer } from '../../test/support/played-api-server.ts';
import type { TagReference } from '../api/generated/image-stream.ts';
import { valueAt } from '../api/json.ts';
import { systemClock } from '../runtime/clock.ts';
import { Access } from './access.ts';
import type { Exchange } from './exchange.ts';
import { SourceCheck } from './source-check.ts';

/** Tags that follow streams of so many other namespaces. */
function foreignTags(count: number): readonly TagReference[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `t${i}`,
    from: { kind: 'ImageStreamTag', namespace: `other-${i}`, name: 'app:latest' },
  }));
}

function exchangeOf(user: string, namespace: string): Exchange {
  const { signal } = new AbortController();
  return { caller: { user, groups: [], extra: {} }, info: { namespace }, signal } as unknown as Exchange;
}

it('asks for the rights to many sources a few at a time, and for those of others meanwhile', async () => {
  const asked: unknown[] = [];
  const answer = Promise.withResolvers<ApiAnswer>();
  const api = await playApiServer(systemClock, ({ body }) => {
    asked.push(valueAt(body, ['spec', 'user']));
    return answer.promise;
  });
  onTestFinished(() => api[Symbol.asyncDispose]());
  const { client } = api;
  const sources = new SourceCheck({ client, access: new Access({ client, clock: systemClock }) });
  const check = (user: string, namespace: string, count: number) =>
    sources.faultsOf(
      exchangeOf(user, namespace),
      { namespace, name: 'web', present: undefined },
      foreignTags(count),
    );
  const many = check('mallory', 'hers', 100);
  await eventually(async () => asked.length === 4, { what: 'the first questions of one' });
  const few = check('bob', 'apps', 2);
  await eventually(async () => asked.includes('bob'), { what: 'a question of another one' });
  expect(asked.filter((user) => user === 'mallory')).toHaveLength(4);
  answer.resolve({ body: { status: { allowed: false, reason: 'no' } } });
  expect((await few)[0]?.message).toContain('other-1/app');
  await many;
  expect(asked.filter((user) => user === 'mallory')).toHaveLength(100);
});
