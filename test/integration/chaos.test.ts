// A short run of what `npm run chaos` does for as long as one likes.
import { expect, inject, it } from 'vitest';

import { runChaos } from '../support/chaos/chaos-run.ts';
import { crds } from '../support/own-cluster.ts';

it('operators that are killed in the middle of their work leave what an undisturbed one would', async () => {
  const { differences, folder, killed, writes } = await runChaos({
    assets: inject('cluster').assets,
    crds,
    seed: 20_260_401,
    rounds: 5,
    apps: 2,
    fanOut: 8,
    checkEvery: 5,
    troubles: ['none', 'late writes', 'registry silent', 'API server restarted', 'leader stopped'],
  });

  expect({ differences, logs: differences.length === 0 ? '' : folder }).toEqual({
    differences: [],
    logs: '',
  });
  expect(killed).toBeGreaterThanOrEqual(5);
  // Each of the rounds has moved something.
  expect(writes).toBeGreaterThan(20);
}, 300_000);
