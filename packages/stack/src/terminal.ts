import { performance } from 'node:perf_hooks';

/** Long steps show that they are alive this often. */
const SIGN_OF_LIFE_MS = 2_000;

export interface Terminal {
  /** One line, on its own even while a step is open. */
  line(text: string): void;
  /** Says what is being done, then how many seconds it took. A failure of the work is the caller's. */
  step<T>(label: string, work: () => Promise<T>): Promise<T>;
}

/** What `pnpm start` says, to a terminal or a file alike. */
export function createTerminal(write: (text: string) => void): Terminal {
  /** Whether the cursor stands behind a step's label. */
  let midLine = false;

  const line = (text: string) => {
    write(`${midLine ? '\n' : ''}${text}\n`);
    midLine = false;
  };

  const step = async <T>(label: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    write(`  ${label} …`);
    midLine = true;
    const alive = setInterval(() => midLine && write('.'), SIGN_OF_LIFE_MS);
    try {
      const result = await work();
      // Another line came in between: the label again, so that the seconds stand beside what they measure.
      write(`${midLine ? '' : `  ${label} …`} ${seconds(performance.now() - began)}\n`);
      return result;
    } catch (error) {
      write(`${midLine ? '' : `  ${label} …`} failed\n`);
      throw error;
    } finally {
      clearInterval(alive);
      midLine = false;
    }
  };

  return { line, step };
}

/** Milliseconds as a person reads them: `0.3 s`. */
export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
