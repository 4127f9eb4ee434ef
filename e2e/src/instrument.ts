/**
 * Failpoints and mutations without a line of test code in the product: a process under test loads
 * some of its source files with a piece of their text replaced.
 *
 * A text that isn't found exactly once ends the process at its start, so that no test passes because
 * the code it wanted to break has moved.
 */
import { pathToFileURL } from 'node:url';
import { projectDir } from './project-dir.ts';

/** One replacement. */
export interface Rewrite {
  /** From the project's folder, such as `services/worker/src/writer.ts`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The variable in which the rewrites travel to the preload, as JSON. */
const INSTRUMENT = 'INSTRUMENT';

/** What a `node` process needs to run with these rewrites. */
export function instrumented(rewrites: readonly Rewrite[]): {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  if (rewrites.length === 0) return { args: [], env: {} };
  const absolute = rewrites.map((rewrite) => ({
    ...rewrite,
    file: pathToFileURL(`${projectDir}/${rewrite.file}`).href,
  }));
  return {
    args: ['--import', new URL('./instrument-preload.ts', import.meta.url).href],
    env: { [INSTRUMENT]: JSON.stringify(absolute) },
  };
}
