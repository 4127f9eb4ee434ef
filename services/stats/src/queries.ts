/** What the reports read: the kept counts, never the events. daily_paths and daily_visitor_counts are views. */
import type postgres from 'postgres';

/** The figures of one site's UTC day. */
export interface DayFigures {
  readonly events: number;
  readonly visitors: number;
  /** The most viewed, then by name. */
  readonly paths: readonly { readonly path: string; readonly views: number }[];
}

/**
 * One statement, so one snapshot: the three figures fit together.
 *
 * @param day a UTC day as YYYY-MM-DD.
 * @param topPaths how many paths.
 */
export async function dayFigures(
  sql: postgres.Sql,
  siteId: string,
  day: string,
  topPaths: number,
): Promise<DayFigures> {
  const rows = await sql<{ events: string; visitors: string; paths: DayFigures['paths'] }[]>`
    SELECT
      (SELECT coalesce(sum(events), 0) FROM hourly_counts
       WHERE site_id = ${siteId} AND hour >= ${day}::date::timestamp AT TIME ZONE 'UTC'
         AND hour < (${day}::date + 1)::timestamp AT TIME ZONE 'UTC') AS events,
      coalesce((SELECT visitors FROM daily_visitor_counts
        WHERE site_id = ${siteId} AND day = ${day}::date), 0) AS visitors,
      (SELECT coalesce(json_agg(top), '[]') FROM
        (SELECT path, views FROM daily_paths
         WHERE site_id = ${siteId} AND day = ${day}::date
         ORDER BY views DESC, path LIMIT ${topPaths}) AS top) AS paths`;
  const [row] = rows;
  if (row === undefined) throw new Error('a query without FROM answered no row');
  return { events: Number(row.events), visitors: Number(row.visitors), paths: row.paths };
}
