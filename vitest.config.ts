import { defineConfig } from 'vitest/config';
import { CountReporter } from './packages/stack/src/count-reporter.ts';

const NOT_OURS = ['**/node_modules/**', '**/.data/**'];
/** A few minutes on two cores; all of the faults take three times as long, and have a command of their own. */
const FAULTS_ALWAYS_TESTED = [
  'e2e/src/faults/{worker-killed,redis-killed,hand-made-entries,start-order}.e2e.test.ts',
];

/** What takes all of the machine, or asserts how long something took: never beside others. */
const FAULTS_ALONE = [
  'e2e/src/faults/{heavy-reports,overload,postgres-down,postgres-restarted,redis-silent,slow-clients}.e2e.test.ts',
];

interface Suite {
  readonly name: string;
  readonly include: string[];
  readonly exclude?: string[];
  readonly globalSetup?: string;
  /** One when absent: most systems take the machine. */
  readonly filesAtOnce?: number;
  readonly testTimeout: number;
  /** As long as a test when absent. */
  readonly hookTimeout?: number;
  readonly teardownTimeout?: number;
}

/** Where tests mostly wait, for a claim to run out or a server to start. */
const MOSTLY_WAITING = 3;
const MINUTE_MS = 60_000;
const SYSTEM = './e2e/src/global-setup.ts';

/** A suite of whole systems: each of its files has a process of its own. */
function ofSystems({ exclude = [], hookTimeout, filesAtOnce = 1, ...suite }: Suite) {
  return {
    ...suite,
    exclude: [...NOT_OURS, ...exclude],
    pool: 'forks' as const,
    maxWorkers: filesAtOnce,
    hookTimeout: hookTimeout ?? suite.testTimeout,
  };
}

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
          maxWorkers: 2,
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
          testTimeout: 2 * MINUTE_MS,
          hookTimeout: 2 * MINUTE_MS,
          teardownTimeout: MINUTE_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...ofSystems({
            name: 'e2e',
            filesAtOnce: MOSTLY_WAITING,
            include: ['e2e/src/*.e2e.test.ts', ...FAULTS_ALWAYS_TESTED],
            globalSetup: SYSTEM,
            testTimeout: 5 * MINUTE_MS,
          }),
          sequence: { groupOrder: 2 },
        },
      },
      // The rest run by name only, as `pnpm test:faults` and so on.
      {
        test: {
          ...ofSystems({
            name: 'faults',
            filesAtOnce: MOSTLY_WAITING,
            include: ['e2e/src/faults/*.e2e.test.ts'],
            exclude: ['**/*.slow.e2e.test.ts', ...FAULTS_ALONE],
            globalSetup: SYSTEM,
            testTimeout: 5 * MINUTE_MS,
          }),
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...ofSystems({
            name: 'faults-alone',
            include: FAULTS_ALONE,
            globalSetup: SYSTEM,
            testTimeout: 5 * MINUTE_MS,
          }),
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: ofSystems({
          name: 'cluster',
          include: ['e2e/src/cluster/*.e2e.test.ts'],
          globalSetup: SYSTEM,
          testTimeout: 5 * MINUTE_MS,
        }),
      },
      {
        test: ofSystems({
          name: 'scaling',
          include: ['e2e/src/scaling/*.e2e.test.ts'],
          globalSetup: SYSTEM,
          testTimeout: 5 * MINUTE_MS,
        }),
      },
      {
        test: ofSystems({
          name: 'faults-slow',
          include: ['e2e/src/**/*.slow.e2e.test.ts'],
          globalSetup: SYSTEM,
          testTimeout: 60 * MINUTE_MS,
          hookTimeout: 10 * MINUTE_MS,
        }),
      },
      {
        test: ofSystems({
          name: 'compose',
          include: ['e2e/src/compose/*.compose.test.ts'],
          globalSetup: './e2e/src/compose/global-setup.ts',
          testTimeout: 20 * MINUTE_MS,
          teardownTimeout: 2 * MINUTE_MS,
        }),
      },
      {
        test: ofSystems({
          name: 'load',
          include: ['load/src/**/*.load.test.ts'],
          testTimeout: 10 * MINUTE_MS,
        }),
      },
    ],
  },
});
