import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Two cores are the least that the tests are run on; most of their time they wait for other programs.
    maxWorkers: 2,
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
        },
      },
      {
        test: {
          name: 'face',
          include: ['test/integration/face/*.test.ts'],
          globalSetup: ['test/support/face-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
