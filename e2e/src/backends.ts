/** The processes of Postgres that serve the workers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import type { Random } from './seed.ts';
import type { System } from './system.ts';

/** Process ids of the backends that workers are connected to, at this moment. */
export async function workerBackends(sql: postgres.Sql): Promise<number[]> {
  const rows = await sql`SELECT pid FROM pg_stat_activity WHERE usename = 'sluice_worker' ORDER BY pid`;
  return rows.map(({ pid }) => pid as number);
}

/** Between two ends. */
const MIN_PAUSE_MS = 15;
const MAX_PAUSE_MS = 75;

/** Ends random backends of the workers, one every 15 to 75 ms. @returns how many were ended. */
export function terminateBackends(system: System, random: Random, forMs: number): Promise<number> {
  return system.asOwner(async (sql) => {
    const endsAt = performance.now() + forMs;
    let ended = 0;
    while (performance.now() < endsAt) {
      await sleep(random.between(MIN_PAUSE_MS, MAX_PAUSE_MS));
      const backends = await workerBackends(sql);
      if (backends.length === 0) continue;
      await sql`SELECT pg_terminate_backend(${random.pick(backends)}::int)`;
      ended += 1;
    }
    return ended;
  });
}
