/** What a doubter may choose. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export const HELP = `pnpm prove: load Sluice while everything in it is killed in turn, then count

  --minutes N   how long, 1 to 600 (default 3)
  --seed N      repeat the contents and the order of another run (default: a new one)
  --rate N      events a second, 1 to 20000 (default 400)
  --json        the result as JSON on standard output, for a machine

Starts its own Redis and Postgres in a temporary folder and touches nothing else. Ends with 0 when
every accepted event is stored exactly once, else with 1 and a report of what is wrong.
`;

export interface ProveOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly eventsPerSecond: number;
  readonly json: boolean;
}

export type ProveArguments =
  | { readonly kind: 'run'; readonly options: ProveOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string };

export function readProveArguments(args: readonly string[]): ProveArguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '3' },
        seed: { type: 'string', default: String(randomInt(0x1_0000_0000)) },
        rate: { type: 'string', default: '400' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { kind: 'help' };
    const options = {
      minutes: within('--minutes', values.minutes, 0.1, 600),
      seed: within('--seed', values.seed, 0, 0xffff_ffff),
      eventsPerSecond: within('--rate', values.rate, 1, 20_000),
      json: values.json,
    };
    return { kind: 'run', options };
  } catch (error) {
    return { kind: 'wrong', problem: (error as Error).message };
  }
}

function within(name: string, text: string, min: number, max: number): number {
  const number = text === '' ? Number.NaN : Number(text);
  if (number >= min && number <= max) return number;
  throw new Error(`${name} must be a number from ${min} to ${max}`);
}
