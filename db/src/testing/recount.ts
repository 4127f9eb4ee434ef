/** The rollups beside a recount of the rows. Equal texts mean equal counts. */
import type postgres from 'postgres';

const KEPT = `
  SELECT 'hour' AS what, site_id, hour::text AS at, event_type AS key, sum(events)::text AS n
    FROM hourly_counts GROUP BY 1, 2, 3, 4
  UNION ALL SELECT 'path', site_id, day::text, path, sum(views)::text FROM daily_paths GROUP BY 1, 2, 3, 4
  UNION ALL SELECT 'visitor', site_id, day::text, user_id, '1' FROM daily_visitors
  UNION ALL SELECT 'visitors', site_id, day::text, '', sum(visitors)::text
    FROM daily_visitor_counts GROUP BY 1, 2, 3, 4`;

const COUNTED = `
  WITH rows AS (SELECT *, date_trunc('hour', timestamp, 'UTC') AS hour, (timestamp AT TIME ZONE 'UTC')::date AS day
    FROM events)
  SELECT 'hour' AS what, site_id, hour::text AS at, event_type AS key, count(*)::text AS n FROM rows GROUP BY 1, 2, 3, 4
  UNION ALL SELECT 'path', site_id, day::text, path, count(*)::text FROM rows GROUP BY 1, 2, 3, 4
  UNION ALL SELECT DISTINCT 'visitor', site_id, day::text, user_id, '1' FROM rows WHERE user_id <> ''
  UNION ALL SELECT 'visitors', site_id, day::text, '', count(DISTINCT user_id)::text
    FROM rows WHERE user_id <> '' GROUP BY 1, 2, 3, 4`;

/** @returns every count that is only kept, or only counted; nothing when all is well. */
export async function countsThatDiffer(sql: postgres.Sql): Promise<readonly unknown[]> {
  return sql.unsafe(`
    (SELECT 'kept' AS side, * FROM (${KEPT} EXCEPT ALL (${COUNTED})) AS kept)
    UNION ALL (SELECT 'counted', * FROM ((${COUNTED}) EXCEPT ALL (${KEPT})) AS counted)`);
}
