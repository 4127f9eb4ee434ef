/**
 * The oracle: after the fault has healed and the load has ended, everything drains, and then all
 * eight invariants of the fault plan hold, whatever the fault was.
 *
 * I1 acked ⊆ stored ∪ dead-lettered · I2 stored ⊆ acked ∪ unknown · I3 each id once · I4 content equal
 * to what was sent · I5 no process exited that wasn't killed, no backend left idle in transaction,
 * nothing pending · I6 rollups and reports equal a recount of the rows · I7 every request had an answer
 * by its deadline · I8 no success was given for what wasn't on disk.
 */
import { describeExit } from '@sluice/stack/launch';
import type { Backlog } from './backlog.ts';
import { type Allowances, compare, type Violation, violation } from './invariants.ts';
import type { Ledger } from './ledger.ts';
import { compareReports, compareRollups } from './recount.ts';
import type { ServiceName } from './service-process.ts';
import { readStored, type Stored } from './stored.ts';
import type { System } from './system.ts';

/** What came of a test's events. */
export interface Figures {
  /** Events answered with success. */
  readonly accepted: number;
  /** Events whose outcome the client doesn't know. */
  readonly unknown: number;
  readonly refused: number;
  /** Rows. */
  readonly stored: number;
  /** Entries that a worker took over from another. */
  readonly redelivered: number;
  readonly deadLettered: number;
  readonly longestOutageMs: number;
}

export interface OracleOptions extends Allowances {
  readonly drainWithinMs?: number;
  /** Services whose processes may have ended on their own, because the fault asks that of them. */
  readonly mayExit?: readonly ServiceName[];
  /** Where the figures go in one line; to standard output when absent. */
  readonly print?: (line: string) => void;
}

/**
 * Waits for everything to drain and checks I1 to I8 over all that the loads sent.
 *
 * @param loads every load that sent anything into this system, ended.
 * @returns the figures, printed in one line too.
 * @throws with a report of every invariant that broke.
 */
export async function assertNothingLostOrDoubled(
  system: System,
  loads: Ledger | readonly Ledger[],
  options: OracleOptions = {},
): Promise<Figures> {
  const ledgers = Array.isArray(loads) ? (loads as readonly Ledger[]) : [loads as Ledger];
  await system.drain(options.drainWithinMs);
  const backlog = await system.backlog();
  const report: Violation[] = [...(await quiet(system, backlog, options.mayExit ?? []))];
  const stored = await system.asOwner(async (sql) => {
    const all = await readStored(sql);
    const acceptedByRedis = options.redisLost === undefined ? backlog.accepted : undefined;
    report.push(...compare(ledgers, all, acceptedByRedis, options));
    report.push(...(await compareRollups(sql, all.rows)));
    return all;
  });
  report.push(...(await compareReports((site, day) => system.report(site, day), stored.rows)));
  const figures = figuresOf(system, ledgers, stored);
  (options.print ?? console.log)(inOneLine(figures));
  if (report.length > 0) throw new Error(textOf(report, figures, system));
  return figures;
}

/** I5: the end of each process was asked for, and nobody holds anything. */
async function quiet(
  system: System,
  backlog: Backlog,
  mayExit: readonly ServiceName[],
): Promise<Violation[]> {
  const exits = system.services
    .filter(({ service }) => !mayExit.includes(service))
    .flatMap(({ label, ends }) =>
      ends.filter(({ asked }) => !asked).map((end) => `${label}: ${describeExit(end)}`),
    );
  const idle = await system.asOwner(
    (sql) => sql`
      SELECT pid, application_name, state, query_start::text FROM pg_stat_activity
      WHERE state LIKE 'idle in transaction%' AND now() - state_change > interval '1 second'`,
  );
  const held = backlog.pending > 0 ? [`${backlog.pending} entries`] : [];
  return [
    ...violation('I5', 'processes exited that nobody killed', exits),
    ...violation(
      'I5',
      'backends are idle in transaction',
      idle.map((row) => JSON.stringify(row)),
    ),
    ...violation('I5', 'entries are pending', held),
  ];
}

function figuresOf(system: System, ledgers: readonly Ledger[], stored: Stored): Figures {
  const sum = (of: (ledger: Ledger) => number) => ledgers.reduce((total, each) => total + of(each), 0);
  return {
    accepted: sum(({ acked }) => acked.size),
    unknown: sum(({ unknown }) => unknown.size),
    refused: sum(({ refused }) => refused.size),
    stored: stored.rows.length,
    redelivered: system.workers.reduce((total, worker) => total + redeliveredBy(worker.log), 0),
    deadLettered: stored.deadLetters.length,
    longestOutageMs: Math.max(...ledgers.map(({ longestOutageMs }) => longestOutageMs)),
  };
}

/** From the log: a killed worker's metrics are gone. */
function redeliveredBy(log: System['worker']['log']): number {
  const lines = log.filter(({ msg }) => msg === 'took over entries of a dead consumer');
  return lines.reduce((total, line) => total + Number(line['entries']), 0);
}

function inOneLine(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · ');
}

function textOf(broken: readonly Violation[], figures: Figures, system: System): string {
  const lines = broken.map(
    ({ invariant, what, count, examples }) =>
      `${invariant} ${what}: ${count}\n${examples.map((each) => `     ${each}`).join('\n')}`,
  );
  return [...lines, inOneLine(figures), system.lastWords].join('\n');
}
