import { pino } from 'pino';
import { expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { playApiServer } from '../../test/support/played-api-server.ts';
import { EventRecorder } from './event-recorder.ts';

const never = new AbortController().signal;
const target = { apiVersion: 'v1', kind: 'Thing', namespace: 'apps', name: 'web', uid: 'u' };

function record(recorder: EventRecorder, count: number): void {
  for (let i = 0; i < count; i++)
    recorder.record(target, { type: 'Normal', reason: 'Tested', message: `event ${i}` });
}

it('sends a burst at once, then fifty a second, and all of it in their order', async () => {
  const clock = new FakeClock();
  await using server = await playApiServer(clock, () => ({}));
  const log = pino({ enabled: false });
  const recorder = new EventRecorder({ client: server.client, clock, log, signal: never });
  record(recorder, 103);
  await eventually(() => clock.pending.length === 1 && server.requests.length === 100, { what: 'the burst' });
  for (let sent = 101; sent <= 103; sent++) {
    await clock.advance(20);
    await eventually(() => server.requests.length === sent, { what: `event ${sent}` });
  }
  const messages = server.requests.map(({ body }) => (body as { message: string }).message);
  expect(messages).toEqual(Array.from({ length: 103 }, (_, i) => `event ${i}`));
});

it('makes no more pauses at its end', async () => {
  const clock = new FakeClock();
  await using server = await playApiServer(clock, () => ({}));
  const log = pino({ enabled: false });
  const recorder = new EventRecorder({ client: server.client, clock, log, signal: never });
  record(recorder, 150);
  await recorder.flush(1_000);
  expect(server.requests).toHaveLength(150);
});
