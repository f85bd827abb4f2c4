import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { type ObservedGates, RegistryMetrics } from './registry-metrics.ts';

const hourMs = 60 * 60 * 1_000;

function setUp() {
  const registry = new Registry();
  let now = 1_000_000;
  const metrics = new RegistryMetrics(registry, () => now);
  let closures: ObservedGates['closures'] = [];
  metrics.observeGates({
    get closures() {
      return closures;
    },
    waiting: 3,
  });
  const scrape = async (): Promise<readonly string[]> => {
    const text = await registry.metrics();
    return text.split('\n').filter((line) => line.startsWith('imagestream_registry_gate_closed{'));
  };
  return {
    registry,
    scrape,
    close: (next: ObservedGates['closures']): void => {
      closures = next;
    },
    later: (ms: number): void => {
      now += ms;
    },
  };
}

function hosts(count: number, prefix = 'h'): ObservedGates['closures'] {
  return Array.from({ length: count }, (_, i) => ({ host: `${prefix}${i}.example:5000`, because: 'dead' }));
}

/** What is not zero. */
function closedOnes(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !line.endsWith(' 0'));
}

describe('the gates of hosts', () => {
  it('are shown while they are closed, and as open for a while after that', async () => {
    const { scrape, close, later } = setUp();
    close([{ host: 'a.example', because: 'busy' }]);
    expect(closedOnes(await scrape())).toEqual([
      'imagestream_registry_gate_closed{host="a.example",reason="busy"} 1',
    ]);
    close([]);
    later(hourMs - 1);
    expect(await scrape()).toContain('imagestream_registry_gate_closed{host="a.example",reason="busy"} 0');
    later(1);
    expect((await scrape()).join('\n')).not.toContain('a.example');
  });

  it('of any number of hosts make a bounded number of series, with all of them in the sum', async () => {
    const { scrape, close } = setUp();
    close([...hosts(5_000), { host: 'x'.repeat(10_000), because: 'busy' }]);
    const lines = await scrape();
    expect(lines).toHaveLength(2 * (20 + 1));
    expect(lines).toContain('imagestream_registry_gate_closed{host="other",reason="dead"} 4980');
    expect(lines).toContain('imagestream_registry_gate_closed{host="other",reason="busy"} 1');
    expect(lines.join('').length).toBeLessThan(10_000);
  });

  it('of other hosts at every look make no more series than that in an hour', async () => {
    const { scrape, close, later } = setUp();
    const seen = new Set<string>();
    const looks = 100;
    for (let i = 0; i < looks; i++) {
      close(hosts(50, `look-${i}-`));
      for (const line of await scrape()) seen.add(line.replace(/ \d+$/, ''));
      later((hourMs - 1) / looks);
    }
    expect(seen.size).toBe(2 * (20 + 1));
  });

  it('that are closed keep their places when new ones come', async () => {
    const { scrape, close, later } = setUp();
    const first = hosts(20);
    close(first);
    await scrape();
    for (let i = 0; i < 5; i++) {
      later(hourMs / 2);
      close([...hosts(50, `look-${i}-`), ...first]);
      const lines = closedOnes(await scrape());
      expect(lines).toHaveLength(20 + 1);
      expect(lines).toContain('imagestream_registry_gate_closed{host="h19.example:5000",reason="dead"} 1');
      expect(lines).toContain('imagestream_registry_gate_closed{host="other",reason="dead"} 50');
    }
  });

  it('have those that wait for them beside', async () => {
    expect(await setUp().registry.metrics()).toContain('imagestream_registry_request_waiting 3');
  });
});
