/**
 * Millions of events made by Postgres itself: Zipf-distributed sites, paths and users, evenly over the
 * last ten days, with ids as ingest would give them. The trigger keeps the counts as ever.
 */
import { asOwner } from '../system/servers.ts';

/** The last one is today. */
const DAYS = 10;
/** Rows of one statement: a few hundred MiB of work for its sorts, at most. */
const CHUNK_ROWS = 500_000;
/** At once; more than the cores would only take turns. */
const WRITERS = 2;
const DAY_MS = 86_400_000;

/** The `k`-th of `most` in proportion to 1/k. */
const zipf = (most: number) => `floor(${most + 1} ^ random())::int`;

/** $1 the first millisecond, $2 how many of them the rows spread over, $3 rows, $4 anything new. */
const INSERT = `INSERT INTO events (id, site_id, event_type, path, user_id, timestamp, received_at)
SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(noise, 1, 3) || '8' || substr(noise, 4, 15))::uuid,
  'site-' || ${zipf(100)},
  CASE WHEN random() < 0.8 THEN 'page_view' WHEN random() < 0.75 THEN 'click' ELSE 'signup' END,
  '/articles/2026/' || ${zipf(2_000)},
  'user-' || ${zipf(500_000)},
  to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0)
FROM (SELECT $1::bigint + row * $2::bigint / $3::bigint AS ms, md5($4::text || row) AS noise
  FROM generate_series(0, $3::bigint - 1) AS row) AS made`;

export interface SeedOptions {
  /** The owner's. */
  readonly databaseUrl: string;
  readonly rows: number;
  /** Differs from that of every other call on the same database. */
  readonly salt: string;
  readonly progress: (rows: number) => void;
}

/** As a worker that has time calls it, again and again. */
const FOLD = 'SELECT fold_days(250, 25)::int AS folded';

/** Adds rows, and leaves the tables as idle workers, vacuum and a checkpoint leave them. */
export async function seedRows({ databaseUrl, rows, salt, progress }: SeedOptions): Promise<void> {
  const now = Date.now();
  const today = now - (now % DAY_MS);
  const chunks: { from: number; spread: number; rows: number; noise: string }[] = [];
  for (let day = 0; day < DAYS; day += 1) {
    const from = today - (DAYS - 1 - day) * DAY_MS;
    await makePartition(databaseUrl, from);
    const ofDay = Math.ceil(rows / DAYS);
    for (let at = 0; at < ofDay; at += CHUNK_ROWS) {
      const spread = Math.min(DAY_MS, now - from);
      chunks.push({ from, spread, rows: Math.min(CHUNK_ROWS, ofDay - at), noise: `${salt}-${day}-${at}-` });
    }
  }
  let done = 0;
  const write = () =>
    asOwner(databaseUrl, async (sql) => {
      await sql`SET work_mem = '256MB'`;
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
        await sql.unsafe(INSERT, [chunk.from, chunk.spread, chunk.rows, chunk.noise]);
        done += chunk.rows;
        progress(done);
      }
    });
  await Promise.all(Array.from({ length: WRITERS }, write));
  await asOwner(databaseUrl, async (sql) => {
    for (let folded = 1; folded > 0; ) folded = (await sql.unsafe(FOLD))[0]?.['folded'] ?? 0;
    await sql`VACUUM (ANALYZE)`;
    await sql`CHECKPOINT`;
  });
}

/** Days before yesterday have no partition in a new database. */
async function makePartition(databaseUrl: string, dayMs: number): Promise<void> {
  const name = `events_${new Date(dayMs).toISOString().slice(0, 10).replaceAll('-', '_')}`;
  const bound = (ms: number) => `'${ms.toString(16).padStart(12, '0').padEnd(32, '0')}'`;
  const statement = `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF events FOR VALUES FROM (${bound(dayMs)}) TO (${bound(dayMs + DAY_MS)})`;
  await asOwner(databaseUrl, (sql) => sql.unsafe(statement));
}
