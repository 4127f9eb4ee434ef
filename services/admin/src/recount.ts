/**
 * Recounts a site's events and holds the result against the kept counts.
 *
 * A site at a time, because `events` has an index by site and time: memory stays bounded, and there
 * is progress to show.
 */
import type postgres from 'postgres';

/** One count that isn't what the rows say. */
export interface Difference {
  readonly table: 'hourly_counts' | 'daily_paths' | 'daily_visitors' | 'daily_visitor_counts';
  readonly site_id: string;
  /** UTC, YYYY-MM-DD. */
  readonly day: string;
  /** Which count of the day: an hour and type, a path, a user; empty for the day's number of visitors. */
  readonly key: string;
  /** What the rows say. */
  readonly counted: number;
  /** What is kept. */
  readonly kept: number;
}

/** UTC days as YYYY-MM-DD, both included. */
export interface Days {
  readonly from: string;
  readonly to: string;
}

type Query = postgres.Sql | postgres.TransactionSql;

/** Every site that has rows or counts, in order. */
export async function sitesOf(sql: Query): Promise<string[]> {
  const rows = await sql<{ site_id: string }[]>`
    WITH RECURSIVE stored AS (
      (SELECT site_id FROM events ORDER BY site_id LIMIT 1)
      UNION ALL
      SELECT (SELECT site_id FROM events WHERE site_id > stored.site_id ORDER BY site_id LIMIT 1)
      FROM stored WHERE stored.site_id IS NOT NULL
    )
    SELECT site_id FROM stored WHERE site_id IS NOT NULL
    UNION SELECT site_id FROM hourly_counts UNION SELECT site_id FROM unfolded UNION SELECT site_id FROM folded_paths
    UNION SELECT site_id FROM folded_visitors UNION SELECT site_id FROM folded_visitor_counts
    ORDER BY site_id`;
  return rows.map(({ site_id }) => site_id);
}

/** The counts of one site that differ; one statement, so one snapshot even outside a transaction. */
export async function differencesOf(sql: Query, siteId: string, days: Days): Promise<Difference[]> {
  const rows = await sql<(Omit<Difference, 'counted' | 'kept'> & { counted: string; kept: string })[]>`
    WITH bounds AS (
      SELECT ${days.from}::date AS first_day, ${days.to}::date AS last_day,
        ${days.from}::date::timestamp AT TIME ZONE 'UTC' AS first,
        (${days.to}::date + 1)::timestamp AT TIME ZONE 'UTC' AS after
    ),
    rows AS MATERIALIZED (
      SELECT date_trunc('hour', "timestamp", 'UTC') AS hour, ("timestamp" AT TIME ZONE 'UTC')::date AS day,
        event_type, path, user_id
      FROM events, bounds WHERE site_id = ${siteId} AND "timestamp" >= first AND "timestamp" < after
    ),
    hours AS (
      SELECT hour, event_type, counted, kept FROM
        (SELECT hour, event_type, count(*) AS counted FROM rows GROUP BY 1, 2) AS c FULL JOIN
        (SELECT hour, event_type, sum(events) AS kept FROM hourly_counts, bounds
         WHERE site_id = ${siteId} AND hour >= first AND hour < after GROUP BY 1, 2) AS k USING (hour, event_type)
    ),
    paths AS (
      SELECT day, path, counted, kept FROM
        (SELECT day, path, count(*) AS counted FROM rows GROUP BY 1, 2) AS c FULL JOIN
        (SELECT day, path, views AS kept FROM daily_paths, bounds
         WHERE site_id = ${siteId} AND day BETWEEN first_day AND last_day) AS k USING (day, path)
    ),
    users AS (
      SELECT day, user_id, counted, kept FROM
        (SELECT DISTINCT day, user_id, 1 AS counted FROM rows WHERE user_id <> '') AS c FULL JOIN
        (SELECT day, user_id, 1 AS kept FROM daily_visitors, bounds
         WHERE site_id = ${siteId} AND day BETWEEN first_day AND last_day) AS k USING (day, user_id)
    ),
    visitors AS (
      SELECT day, counted, kept FROM
        (SELECT day, count(DISTINCT user_id) AS counted FROM rows WHERE user_id <> '' GROUP BY 1) AS c FULL JOIN
        (SELECT day, visitors AS kept FROM daily_visitor_counts, bounds
         WHERE site_id = ${siteId} AND day BETWEEN first_day AND last_day) AS k USING (day)
    )
    SELECT 'hourly_counts' AS "table", ${siteId} AS site_id, to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
      to_char(hour AT TIME ZONE 'UTC', 'HH24:MI ') || event_type AS key, coalesce(counted, 0) AS counted, coalesce(kept, 0) AS kept
      FROM hours WHERE counted IS DISTINCT FROM kept
    UNION ALL SELECT 'daily_paths', ${siteId}, to_char(day, 'YYYY-MM-DD'), path, coalesce(counted, 0), coalesce(kept, 0)
      FROM paths WHERE counted IS DISTINCT FROM kept
    UNION ALL SELECT 'daily_visitors', ${siteId}, to_char(day, 'YYYY-MM-DD'), user_id, coalesce(counted, 0), coalesce(kept, 0)
      FROM users WHERE counted IS DISTINCT FROM kept
    UNION ALL SELECT 'daily_visitor_counts', ${siteId}, to_char(day, 'YYYY-MM-DD'), '', coalesce(counted, 0), coalesce(kept, 0)
      FROM visitors WHERE counted IS DISTINCT FROM kept
    ORDER BY 1, 3, 4`;
  return rows.map((row) => ({ ...row, counted: Number(row.counted), kept: Number(row.kept) }));
}

/**
 * Rebuilds one site's counts of some days from its rows.
 *
 * Writers wait meanwhile: their lock time-out makes that a transient fault, and nothing is lost.
 */
export async function rebuild(sql: postgres.Sql, siteId: string, days: readonly string[]): Promise<void> {
  await sql.begin(async (transaction) => {
    // A merge_stripes() under way would add rows that the deletes below don't see;
    await transaction`SELECT pg_advisory_xact_lock(hashtextextended('sluice:stripes', 0))`;
    await transaction`LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE`;
    // so would a fold().
    await transaction`LOCK TABLE unfolded IN SHARE ROW EXCLUSIVE MODE`;
    for (const day of days) await rebuildDay(transaction, siteId, day);
  });
}

async function rebuildDay(sql: postgres.TransactionSql, siteId: string, day: string): Promise<void> {
  const first = sql`${day}::date::timestamp AT TIME ZONE 'UTC'`;
  const after = sql`(${day}::date + 1)::timestamp AT TIME ZONE 'UTC'`;
  const rows = sql`FROM events WHERE site_id = ${siteId} AND "timestamp" >= ${first} AND "timestamp" < ${after}`;
  await sql`DELETE FROM hourly_counts WHERE site_id = ${siteId} AND hour >= ${first} AND hour < ${after}`;
  for (const table of ['unfolded', 'folded_paths', 'folded_visitors', 'folded_visitor_counts']) {
    await sql`DELETE FROM ${sql(table)} WHERE site_id = ${siteId} AND day = ${day}::date`;
  }
  await sql`INSERT INTO hourly_counts (site_id, hour, event_type, stripe, events)
    SELECT ${siteId}, date_trunc('hour', "timestamp", 'UTC'), event_type, 0, count(*) ${rows} GROUP BY 2, 3`;
  await sql`INSERT INTO folded_paths (site_id, day, path, views)
    SELECT ${siteId}, ${day}::date, path, count(*) ${rows} GROUP BY path`;
  await sql`INSERT INTO folded_visitors (site_id, day, user_id)
    SELECT DISTINCT ${siteId}, ${day}::date, user_id ${rows} AND user_id <> ''`;
  await sql`INSERT INTO folded_visitor_counts (site_id, day, visitors)
    SELECT ${siteId}, ${day}::date, count(*) FROM folded_visitors
    WHERE site_id = ${siteId} AND day = ${day}::date HAVING count(*) > 0`;
}
