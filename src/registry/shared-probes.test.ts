import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { SharedProbes } from './shared-probes.ts';

function setUp() {
  const clock = new FakeClock();
  const probes = new SharedProbes({ clock, freshMs: 30_000 });
  let asked = 0;
  const ask = async (): Promise<string> => {
    asked++;
    return `digest ${asked}`;
  };
  return { clock, probes, ask };
}

it('asks once for all who ask together or shortly after', async () => {
  const { clock, probes, ask } = setUp();
  expect(await Promise.all([probes.probe('q', ask), probes.probe('q', ask)])).toEqual([
    'digest 1',
    'digest 1',
  ]);
  await clock.advance(29_999);
  expect(await probes.probe('q', ask)).toBe('digest 1');
  expect(await probes.probe('other', ask)).toBe('digest 2');
  await clock.advance(1);
  expect(await probes.probe('q', ask)).toBe('digest 3');
});

it('asks anew when a push is announced, for all who ask then', async () => {
  const { probes, ask } = setUp();
  await probes.probe('q', ask);
  expect(await probes.probe('q', ask, true)).toBe('digest 2');
  expect(await probes.probe('q', ask)).toBe('digest 2');
});

it('keeps no failure', async () => {
  const { probes, ask } = setUp();
  await expect(probes.probe('q', async () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  expect(await probes.probe('q', ask)).toBe('digest 1');
});

it('keeps a bounded number of answers', async () => {
  const { probes, ask } = setUp();
  for (let i = 0; i < 20_001; i++) await probes.probe(`q${i}`, async () => 'old');
  expect(await probes.probe('q20000', ask)).toBe('old');
  expect(await probes.probe('q0', ask)).toBe('digest 1');
});
