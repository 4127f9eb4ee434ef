/** The invariants of the fault plan, asked of a compose project. */
import { compare, type Violation, violation } from '../invariants.ts';
import type { Ledger } from '../ledger.ts';
import { compareReports, compareRollups } from '../recount.ts';
import { readStored } from '../stored.ts';
import { until } from '../until.ts';
import type { ComposeProject } from './compose-project.ts';

/** Entries of a killed worker are taken over after 30 s; then they have to be written. */
const DRAINED_WITHIN_MS = 180_000;

/**
 * Waits until all is settled, and compares what the clients were told with the rows, the counts and the
 * reports.
 *
 * @throws with every invariant that broke.
 */
export async function assertNothingLostOrDoubled(
  project: ComposeProject,
  loads: readonly Ledger[],
): Promise<void> {
  await until('drained', DRAINED_WITHIN_MS, async () => {
    const { accepted, settled, entries, pending } = await project.backlog();
    if (accepted === settled && entries === 0 && pending === 0) return undefined;
    return `${accepted} accepted, ${settled} settled, ${entries} entries, ${pending} of them pending`;
  });
  const { accepted, lost } = await project.backlog();
  const report = await project.asOwner(async (sql): Promise<Violation[]> => {
    const stored = await readStored(sql);
    const idle = await sql`
      SELECT pid, application_name FROM pg_stat_activity
      WHERE state LIKE 'idle in transaction%' AND now() - state_change > interval '1 second'`;
    return [
      ...compare(loads, stored, accepted),
      ...(await compareRollups(sql, stored.rows)),
      ...(await compareReports((site, day) => project.report(site, day), stored.rows)),
      ...violation('I1', 'events were lost from the stream', lost > 0 ? [String(lost)] : []),
      ...violation(
        'I5',
        'backends are idle in transaction',
        idle.map((row) => JSON.stringify(row)),
      ),
    ];
  });
  const acked = loads.reduce((sum, load) => sum + load.acked.size, 0);
  const unknown = loads.reduce((sum, load) => sum + load.unknown.size, 0);
  const outage = Math.max(...loads.map(({ longestOutageMs }) => longestOutageMs));
  console.log(
    `accepted ${acked} · unknown ${unknown} · longest outage ${outage} ms · ${report.length} violations`,
  );
  if (report.length === 0) return;
  const words = report.map(
    ({ invariant, what, count, examples }) => `${invariant} ${what}: ${count}\n  ${examples.join('\n  ')}`,
  );
  throw new Error(`${words.join('\n')}\n${await project.logs()}`);
}
