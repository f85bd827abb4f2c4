import { expect, it } from 'vitest';
import { settle } from '../../test/support/fake-clock.ts';
import { RequestTurns } from './request-turns.ts';

const { signal } = new AbortController();
const turnsOf = () => new RequestTurns({ all: 5, ofUser: 2, ofNamespace: 3, waiting: 8 });

/** Asks for a turn of each; says who has one. */
function ask(turns: RequestTurns, owners: readonly string[]) {
  const taken: string[] = [];
  const ends = owners.map((owner) => {
    const [user = '', namespace] = owner.split('@');
    const turn = turns.take({ user, namespace }, signal);
    void turn.then(
      () => taken.push(owner),
      () => undefined,
    );
    return turn;
  });
  return { taken, ends };
}

it('gives a user some turns, and others theirs while he waits', async () => {
  const turns = turnsOf();
  const { taken, ends } = ask(turns, ['a@x', 'a@y', 'a@z', 'b@z']);
  await settle();
  expect(taken).toEqual(['a@x', 'a@y', 'b@z']);
  expect(turns.waiting).toBe(1);
  (await ends[1])?.();
  await settle();
  expect(taken).toEqual(['a@x', 'a@y', 'b@z', 'a@z']);
});

it('gives a namespace some, whoever asks', async () => {
  const { taken, ends } = ask(turnsOf(), ['a@x', 'b@x', 'c@x', 'd@x', 'd@y']);
  await settle();
  expect(taken).toEqual(['a@x', 'b@x', 'c@x', 'd@y']);
  (await ends[0])?.();
  await settle();
  expect(taken.at(-1)).toBe('d@x');
});

it('has no more than there are in all, and refuses who would wait too long', async () => {
  const turns = turnsOf();
  const { taken } = ask(turns, ['a', 'a', 'b', 'b', 'c', 'c']);
  await settle();
  expect(taken).toEqual(['a', 'a', 'b', 'b', 'c']);
  ask(turns, ['d', 'd', 'd', 'd', 'd', 'd', 'd']);
  await settle();
  expect(turns.waiting).toBe(8);
  await expect(turns.take({ user: 'e', namespace: undefined }, signal)).rejects.toMatchObject({
    status: { code: 429 },
  });
});

it('forgets who has gone before it was his turn', async () => {
  const turns = turnsOf();
  const gone = new AbortController();
  const { ends } = ask(turns, ['a@x', 'a@x']);
  const waiting = turns.take({ user: 'a', namespace: 'x' }, gone.signal);
  gone.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  expect(turns.waiting).toBe(0);
  for (const end of ends) (await end)();
  const again = ask(turns, ['a@x', 'a@x', 'b@x']);
  await settle();
  expect(again.taken).toHaveLength(3);
});
