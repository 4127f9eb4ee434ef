import { defineConfig } from 'vitest/config';
import { CountReporter } from './packages/stack/src/count-reporter.ts';

const NOT_OURS = ['**/node_modules/**', '**/.data/**'];
/** A few minutes on two cores; all of the faults take three times as long, and have a command of their own. */
const FAULTS_ALWAYS_TESTED = [
  'e2e/src/faults/{worker-killed,redis-killed,hand-made-entries,start-order}.e2e.test.ts',
];

// One kind after the other: on two cores, real servers of the next kind would slow the tests of the one before.
export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/src/**/*.test.ts'],
          exclude: [...NOT_OURS, '**/*.*.test.ts'],
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
          include: ['e2e/src/*.e2e.test.ts', ...FAULTS_ALWAYS_TESTED],
          exclude: NOT_OURS,
          globalSetup: './e2e/src/global-setup.ts',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
      // The rest run by name only: `pnpm test:faults`, `pnpm test:cluster`, `pnpm test:scaling`, `pnpm test:faults:slow`, `pnpm test:compose`, `pnpm test:load`.
      {
        test: {
          name: 'faults',
          include: ['e2e/src/faults/*.e2e.test.ts'],
          exclude: [...NOT_OURS, '**/*.slow.e2e.test.ts'],
          globalSetup: './e2e/src/global-setup.ts',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['e2e/src/cluster/*.e2e.test.ts'],
          exclude: NOT_OURS,
          globalSetup: './e2e/src/global-setup.ts',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'scaling',
          include: ['e2e/src/scaling/*.e2e.test.ts'],
          exclude: NOT_OURS,
          globalSetup: './e2e/src/global-setup.ts',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'faults-slow',
          include: ['e2e/src/**/*.slow.e2e.test.ts'],
          exclude: NOT_OURS,
          globalSetup: './e2e/src/global-setup.ts',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'compose',
          include: ['e2e/src/compose/*.compose.test.ts'],
          exclude: NOT_OURS,
          globalSetup: './e2e/src/compose/global-setup.ts',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 1_200_000,
          hookTimeout: 1_200_000,
          teardownTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'load',
          include: ['load/src/**/*.load.test.ts'],
          exclude: NOT_OURS,
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
