import { describe, expect, it } from 'vitest';
import { settle } from '../../test/support/fake-clock.ts';
import { type AnswerRoom, AnswerRooms } from './answer-rooms.ts';

const never = new AbortController().signal;
const newRooms = (): AnswerRooms => new AnswerRooms({ free: 10, max: 100, large: 2 });

/** Whether a room could be taken by now. */
async function isTaken(room: AnswerRoom, length: number): Promise<boolean | 'waits'> {
  let answer: boolean | 'waits' = 'waits';
  void room.take(length).then((taken) => {
    answer = taken;
  });
  await settle();
  return answer;
}

describe('the room of an answer', () => {
  it('ends', async () => {
    using room = newRooms().open('apps', never);
    expect(await room.take(90)).toBe(true);
    expect(await room.take(11)).toBe(false);
    expect(await room.take(10)).toBe(true);
  });

  it('is free for a little, and else waits for the other answers of the namespace', async () => {
    const rooms = newRooms();
    const first = rooms.open('apps', never);
    using second = rooms.open('apps', never);
    using other = rooms.open('shop', never);
    expect(await isTaken(first, 11)).toBe(true);
    expect(await isTaken(second, 10)).toBe(true);
    expect(await isTaken(other, 50)).toBe(true);
    const waiting = second.take(1);
    let came = false;
    void waiting.then(() => {
      came = true;
    });
    await settle();
    expect(came).toBe(false);
    first[Symbol.dispose]();
    expect(await waiting).toBe(true);
  });

  it('waits when others hold all of it', async () => {
    const rooms = newRooms();
    using a = rooms.open('a', never);
    const b = rooms.open('b', never);
    using c = rooms.open('c', never);
    expect([await isTaken(a, 50), await isTaken(b, 50), await isTaken(c, 50)]).toEqual([true, true, 'waits']);
    b[Symbol.dispose]();
    expect(await isTaken(c, 1)).toBe(true);
  });

  it('is not waited for when nobody wants it any more, and goes to others', async () => {
    const rooms = newRooms();
    const first = rooms.open('apps', never);
    await first.take(50);
    const abort = new AbortController();
    using second = rooms.open('apps', abort.signal);
    using third = rooms.open('apps', never);
    const waiting = second.take(50);
    const last = third.take(50);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    first[Symbol.dispose]();
    expect(await last).toBe(true);
  });
});
