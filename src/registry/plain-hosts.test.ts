import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { PlainHosts } from './plain-hosts.ts';

describe('plain hosts', () => {
  it('are remembered for ten minutes, with their ports', async () => {
    const clock = new FakeClock();
    const hosts = new PlainHosts(clock);
    hosts.add('a.test:5000');
    expect([hosts.has('a.test:5000'), hosts.has('a.test')]).toEqual([true, false]);
    await clock.advance(599_999);
    expect(hosts.has('a.test:5000')).toBe(true);
    await clock.advance(1);
    expect(hosts.has('a.test:5000')).toBe(false);
  });

  it('are forgotten when they are told to be', () => {
    const hosts = new PlainHosts(new FakeClock());
    hosts.add('a.test');
    hosts.delete('a.test');
    expect(hosts.has('a.test')).toBe(false);
  });

  it('are a thousand at most, the last ones', () => {
    const hosts = new PlainHosts(new FakeClock());
    for (let i = 0; i < 1_000; i++) hosts.add(`${i}.test`);
    hosts.add('0.test');
    hosts.add('new.test');
    const known = Array.from({ length: 1_000 }, (_, i) => `${i}.test`).filter((host) => hosts.has(host));
    expect(known).toHaveLength(999);
    expect([hosts.has('0.test'), hosts.has('1.test'), hosts.has('new.test')]).toEqual([true, false, true]);
  });
});
