import { expect, it, onTestFinished } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { playApiServer } from '../../test/support/played-api-server.ts';
import { imageStreams } from '../api/resources.ts';
import { objectPage } from './object-page.ts';

/** A page of streams of so many characters each; the limits that were asked for, and how many came. */
async function pageOf(length: number, limit: number) {
  const server = await playApiServer(new FakeClock(), ({ query }) => {
    const item = { metadata: { name: 'web' }, text: 'x'.repeat(length) };
    // More than is read at a time need not be made.
    const count = Math.min(Number(query.get('limit')), Math.ceil(20_000_000 / length));
    const items = Array.from({ length: count }, () => item);
    return { body: { metadata: { resourceVersion: '1' }, items } };
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { signal } = new AbortController();
  const { items } = await objectPage(server.client, imageStreams, { limit }, signal);
  return { limits: server.requests.map(({ query }) => query.get('limit')), count: items.length };
}

it.each([
  { what: 'short objects', length: 10_000, limit: 500, limits: ['500'] },
  { what: 'long objects', length: 100_000, limit: 500, limits: ['500', '40'] },
  { what: 'objects as long as there are', length: 1_500_000, limit: 500, limits: ['500', '40', '8'] },
  { what: 'a few of these', length: 1_500_000, limit: 20, limits: ['20', '8'] },
  { what: 'one of these', length: 1_500_000, limit: 1, limits: ['1'] },
])('a page of $what is of a length that can be held', async ({ length, limit, limits }) => {
  const page = await pageOf(length, limit);
  expect(page).toEqual({ limits, count: Number(limits.at(-1)) });
});
