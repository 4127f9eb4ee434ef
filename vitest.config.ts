import { defineConfig } from 'vitest/config';
import { CountReporter } from './packages/stack/src/count-reporter.ts';

const NOT_OURS = ['**/node_modules/**', '**/.data/**'];

// One kind after the other: on two cores, real servers of the next kind would slow the tests of the one before.
export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/src/**/*.test.ts'],
          exclude: [...NOT_OURS, '**/*.integration.test.ts'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['**/src/**/*.integration.test.ts'],
          exclude: NOT_OURS,
          globalSetup: './packages/stack/src/test-servers.ts',
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          teardownTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.e2e.test.ts'],
          exclude: NOT_OURS,
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
