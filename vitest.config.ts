import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The operators that tests start as processes need not compile everything anew: half a second of a processor each. */
const env = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)),
};

export default defineConfig({
  test: {
    // Two cores are the least that the tests are run on; most of their time they wait for other programs.
    maxWorkers: 3,
    projects: [
      {
        test: { name: 'unit', include: ['src/**/*.test.ts', 'test/*.test.ts'] },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          env,
        },
      },
      {
        test: {
          name: 'face',
          include: ['test/integration/face/*.test.ts'],
          globalSetup: ['test/support/face-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          env,
        },
      },
    ],
  },
});
