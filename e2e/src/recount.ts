/**
 * I6: the rollups and the reports equal a recount of the rows. Counted here from the rows themselves,
 * in plain loops, and not by SQL that could share a mistake with the schema's.
 */
import type postgres from 'postgres';
import { type Violation, violation } from './invariants.ts';
import type { StoredRow } from './stored.ts';

/** A report as GET /stats gives it. */
interface Report {
  readonly site_id: string;
  readonly date: string;
  readonly total_views: number;
  readonly unique_users: number;
  readonly top_paths: readonly { readonly path: string; readonly views: number }[];
}

/** Asks for the report of a site's UTC day (YYYY-MM-DD). */
export type AskReport = (siteId: string, day: string) => Promise<{ status: number; body: string }>;

const HOUR_MS = 3_600_000;
const TOP_PATHS = 10;

/** What a site's day comes to. */
interface Day {
  readonly siteId: string;
  readonly day: string;
  views: number;
  readonly users: Set<string>;
  readonly paths: Map<string, number>;
}

/** Compares each rollup table with the rows. */
export async function compareRollups(sql: postgres.Sql, rows: readonly StoredRow[]): Promise<Violation[]> {
  const days = [...daysOf(rows).values()];
  const hours = new Map<string, number>();
  for (const { site_id, event_type, timestamp } of rows) {
    add(hours, key(site_id, timestamp - (timestamp % HOUR_MS), event_type), 1);
  }
  const paths = days.flatMap((day) =>
    [...day.paths].map(([path, views]) => [key(day.siteId, day.day, path), views] as const),
  );
  const users = days.flatMap((day) =>
    [...day.users].map((user) => [key(day.siteId, day.day, user), 1] as const),
  );
  const visitors = days.map((day) => [key(day.siteId, day.day), day.users.size] as const);
  return [
    ...differences(
      'hourly_counts',
      hours,
      await sql`SELECT site_id, round(extract(epoch FROM hour) * 1000)::float8 AS b, event_type AS c,
        sum(events)::float8 AS n FROM hourly_counts GROUP BY 1, 2, 3`,
    ),
    ...differences(
      'daily_paths',
      new Map(paths),
      await sql`SELECT site_id, day::text AS b, path AS c, sum(views)::float8 AS n FROM daily_paths GROUP BY 1, 2, 3`,
    ),
    ...differences(
      'daily_visitors',
      new Map(users),
      await sql`SELECT site_id, day::text AS b, user_id AS c, count(*)::float8 AS n FROM daily_visitors GROUP BY 1, 2, 3`,
    ),
    ...differences(
      'daily_visitor_counts',
      new Map(visitors.filter(([, count]) => count > 0)),
      await sql`SELECT site_id, day::text AS b, sum(visitors)::float8 AS n FROM daily_visitor_counts GROUP BY 1, 2`,
    ),
  ];
}

/** Compares the report of every site's day that has rows. */
export async function compareReports(ask: AskReport, rows: readonly StoredRow[]): Promise<Violation[]> {
  const wrong: string[] = [];
  for (const day of daysOf(rows).values()) {
    const { status, body } = await ask(day.siteId, day.day);
    const problem = status === 200 ? problemIn(JSON.parse(body) as Report, day) : `status ${status}: ${body}`;
    if (problem !== undefined) wrong.push(`${day.siteId} on ${day.day}: ${problem}`);
  }
  return violation('I6', 'reports differ from a recount', wrong);
}

function daysOf(rows: readonly StoredRow[]): Map<string, Day> {
  const days = new Map<string, Day>();
  for (const row of rows) {
    const day = new Date(row.timestamp).toISOString().slice(0, 10);
    const id = key(row.site_id, day);
    let found = days.get(id);
    if (found === undefined) {
      found = { siteId: row.site_id, day, views: 0, users: new Set(), paths: new Map() };
      days.set(id, found);
    }
    found.views += 1;
    add(found.paths, row.path, 1);
    const user = row.texts['user_id'];
    if (user) found.users.add(user);
  }
  return days;
}

function problemIn(report: Report, day: Day): string | undefined {
  if (report.site_id !== day.siteId || report.date !== day.day) return 'it is of another site or day';
  if (report.total_views !== day.views) return `total_views ${report.total_views}, rows ${day.views}`;
  if (report.unique_users !== day.users.size) {
    return `unique_users ${report.unique_users}, in the rows ${day.users.size}`;
  }
  // Which of several paths with as many views make the ten is the report's choice.
  const views = [...day.paths.values()].toSorted((a, b) => b - a).slice(0, TOP_PATHS);
  const reported = report.top_paths.map((top) => top.views);
  if (reported.join() !== views.join()) return `views of top_paths ${reported}, in the rows ${views}`;
  const wrong = report.top_paths.find((top) => day.paths.get(top.path) !== top.views);
  if (wrong !== undefined) return `path ${JSON.stringify(wrong)}, rows ${day.paths.get(wrong.path) ?? 0}`;
  const different = new Set(report.top_paths.map(({ path }) => path)).size;
  return different === report.top_paths.length ? undefined : 'a path is in top_paths twice';
}

function differences(
  table: string,
  counted: ReadonlyMap<string, number>,
  found: readonly postgres.Row[],
): Violation[] {
  const kept = new Map(
    found.map(({ site_id, b, c, n }) => [
      c === undefined ? key(site_id, b) : key(site_id, b, c),
      n as number,
    ]),
  );
  const wrong: string[] = [];
  for (const each of new Set([...counted.keys(), ...kept.keys()])) {
    const [rows, rollup] = [counted.get(each) ?? 0, kept.get(each) ?? 0];
    if (rows !== rollup) wrong.push(`${each}: ${rollup}, rows ${rows}`);
  }
  return violation('I6', `${table} differs from a recount`, wrong);
}

function key(...parts: readonly (string | number)[]): string {
  return JSON.stringify(parts);
}

function add(counts: Map<string, number>, at: string, more: number): void {
  counts.set(at, (counts.get(at) ?? 0) + more);
}
