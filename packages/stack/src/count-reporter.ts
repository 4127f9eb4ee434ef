import type { Reporter, TestModule, Vitest } from 'vitest/node';

/**
 * Prints `N passed, N failed`, alone on the last line of a run. A file that can't be loaded, an error outside of any
 * test and a set-up that fails count as failures; so does a test that is marked to be skipped, because it proves
 * nothing. Those that a name given on the command line leaves out don't count.
 */
export class CountReporter implements Reporter {
  private passed = 0;
  private failed = 0;
  private namesAreGiven = () => false;

  onInit(vitest: Vitest): void {
    this.namesAreGiven = () => vitest.getGlobalTestNamePattern() !== undefined;
    // At the exit, because other reporters print their summaries after ours is called.
    process.once('exit', (code) => {
      const unexplained = code !== 0 && this.failed === 0 ? 1 : 0;
      process.stdout.write(`${this.passed} passed, ${this.failed + unexplained} failed\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    this.passed = 0;
    this.failed = errors.length;
    for (const module of modules) {
      const all = [...module.children.allTests()];
      const tests = this.namesAreGiven() ? all.filter((test) => test.result().state !== 'skipped') : all;
      const good = tests.filter((test) => test.result().state === 'passed').length;
      this.passed += good;
      this.failed += tests.length - good;
      // Errors of the file itself, or of its hooks, with no test to bear them.
      if (!module.ok() && good === tests.length) this.failed += 1;
    }
  }
}
