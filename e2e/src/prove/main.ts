/** `pnpm prove`: the promise, put to the test before one's eyes. */
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled, type Figures } from '../oracle.ts';
import { Random } from '../seed.ts';
import { type System, startSystem } from '../system.ts';
import { HELP, type ProveOptions, readProveArguments } from './arguments.ts';
import { Killer, VICTIMS } from './killer.ts';

const CONNECTIONS = 50;
const INGESTS = 2;
const WORKERS = 3;
/** Half of production's, so that a kill's take-over falls into the run and a recovering Postgres isn't stuck. */
const WORKER_SETTINGS = { WRITE_DEADLINE_MS: '10000', CLAIM_MIN_IDLE_MS: '15000' };
const PROGRESS_INTERVAL_MS = 1_000;
/** A worker that was killed last is taken over after its claims have run out; the rest is for the backlog. */
const DRAIN_WITHIN_MS = 120_000;

const asked = readProveArguments(process.argv.slice(2));
if (asked.kind === 'help') process.stdout.write(HELP);
else if (asked.kind === 'wrong') {
  process.stderr.write(`${asked.problem}\n\n${HELP}`);
  process.exitCode = 2;
} else process.exitCode = await prove(asked.options);

/** @returns the exit code. */
async function prove(options: ProveOptions): Promise<number> {
  say(
    `seed ${options.seed}: ${options.minutes} min, ${options.eventsPerSecond} events/s, all parts killed in turn`,
  );
  say('starting Redis, Postgres, 2 ingests, 3 workers …');
  const random = new Random(options.seed);
  const system = await startSystem({
    ingests: INGESTS,
    workers: WORKERS,
    durablePostgres: true,
    env: { worker: WORKER_SETTINGS },
  });
  try {
    return await run(system, random, options);
  } finally {
    await system.close();
  }
}

async function run(system: System, random: Random, options: ProveOptions): Promise<number> {
  const startedAt = performance.now();
  const endsAt = startedAt + options.minutes * 60_000;
  const killer = new Killer(system, random);
  const load = startLoad(system, {
    random,
    connections: CONNECTIONS,
    rate: options.eventsPerSecond,
    resend: true,
  });
  const progress = setInterval(() => {
    const kills = VICTIMS.map((victim) => `${victim} ${killer.survived[victim]}`).join(', ');
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    tell(`${seconds} s: ${load.acked.size} accepted; kills survived: ${kills}`);
  }, PROGRESS_INTERVAL_MS);
  try {
    await killer.run(endsAt);
  } finally {
    clearInterval(progress);
    await load.stop();
  }
  say('\nload over; draining and counting …');
  let figures: Figures | undefined;
  let problem: string | undefined;
  try {
    const silent = { print: () => undefined, drainWithinMs: DRAIN_WITHIN_MS };
    figures = await assertNothingLostOrDoubled(system, load, silent);
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  const result = {
    seed: options.seed,
    minutes: options.minutes,
    accepted: load.acked.size,
    ...(await countStored(system, load.acked.keys())),
    unknown: load.unknown.size,
    longestOutageMs: load.longestOutageMs,
    redelivered: figures?.redelivered,
    killsSurvived: killer.survived,
    problem,
  };
  print(result, options.json);
  return problem === undefined ? 0 : 1;
}

/** Counted here once more, in the plainest way: what a doubter would do by hand. */
async function countStored(system: System, accepted: Iterable<string>) {
  const rows = await system.asOwner((sql) => sql<{ event_id: string }[]>`SELECT event_id FROM events`);
  const stored = new Set(rows.map(({ event_id }) => event_id));
  let lost = 0;
  for (const id of accepted) if (!stored.has(id)) lost += 1;
  return { stored: rows.length, lost, doubled: rows.length - stored.size };
}

interface Result extends Awaited<ReturnType<typeof countStored>> {
  readonly seed: number;
  readonly minutes: number;
  readonly accepted: number;
  readonly unknown: number;
  readonly longestOutageMs: number;
  readonly redelivered: number | undefined;
  readonly killsSurvived: Killer['survived'];
  readonly problem: string | undefined;
}

function print(result: Result, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(result));
    return;
  }
  const kills = VICTIMS.map((victim) => `${result.killsSurvived[victim]} × ${victim}`).join(', ');
  const rows = [
    ['events accepted', result.accepted],
    ['events stored', result.stored],
    ['lost', result.lost],
    ['doubled', result.doubled],
    ['never answered with success', result.unknown],
    ['entries taken over from the dead', result.redelivered ?? '?'],
    ['longest outage seen by a client', `${result.longestOutageMs} ms`],
    ['kills survived', kills],
  ];
  console.log(`\n${rows.map(([name, value]) => `  ${String(name).padEnd(34)}${value}`).join('\n')}\n`);
  console.log(
    result.problem ?? 'Every accepted event is stored, once, with its content; reports equal a recount.',
  );
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Progress: over itself on a terminal, a line each in a file. */
function tell(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
}
