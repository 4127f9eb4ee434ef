/** The command line of `pnpm bench`. */
import { parseArgs } from 'node:util';

/** How long to measure and how much data to make. */
export type Size = 'quick' | 'normal' | 'full';

export interface Options {
  readonly size: Size;
  /** Names of scenarios; all of them when empty. */
  readonly only: readonly string[];
  /** Where to write the result, `undefined` for nowhere. */
  readonly json: string | undefined;
  /** Where the servers keep their data, `undefined` for the project's own data folder. */
  readonly dir: string | undefined;
}

export type CommandLine =
  | { readonly ok: true; readonly options: Options }
  /** What to print instead, and with which exit code. */
  | { readonly ok: false; readonly text: string; readonly exitCode: 0 | 2 };

/** @param scenarios names and descriptions of what can be measured. */
export function readCommandLine(
  args: readonly string[],
  scenarios: readonly { readonly name: string; readonly title: string }[],
): CommandLine {
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(args));
  } catch (error) {
    return {
      ok: false,
      text: `${error instanceof Error ? error.message : error}\n\n${help(scenarios)}`,
      exitCode: 2,
    };
  }
  if (values.help === true) return { ok: false, text: help(scenarios), exitCode: 0 };
  const only = (values.only ?? []).flatMap((names) => names.split(','));
  const unknown = only.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    return {
      ok: false,
      text: `no scenario is called ${unknown.join(', ')}\n\n${help(scenarios)}`,
      exitCode: 2,
    };
  }
  const size = values.full === true ? 'full' : values.quick === true ? 'quick' : 'normal';
  return { ok: true, options: { size, only, json: values.json, dir: values.dir } };
}

function parse(args: readonly string[]) {
  return parseArgs({
    // pnpm hands on the `--` of `pnpm bench -- --quick`.
    args: args.filter((arg) => arg !== '--'),
    options: {
      quick: { type: 'boolean' },
      full: { type: 'boolean' },
      only: { type: 'string', multiple: true },
      json: { type: 'string' },
      dir: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function help(scenarios: readonly { readonly name: string; readonly title: string }[]): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return `pnpm bench [options]

Starts a Redis, a Postgres and the services on free ports, puts load on them, and prints what was measured
beside yardsticks measured in the same run. Takes the machine whole: run nothing else beside it.

  --quick       short runs and little data: does everything work?
  --full        also reports at 100 million events, which takes 45 GB of disk and an hour
  --only NAME   this scenario only; may be given several times, or with commas
  --json FILE   writes the result, which \`node load/src/page/main.ts FILE\` makes a page of
  --dir DIR     keeps the servers' data there while it runs, on a real disk

Scenarios:
${scenarios.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`).join('\n')}`;
}
