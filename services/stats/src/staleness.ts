/**
 * How far what reports read may be behind what is stored, when they are read from a replica.
 *
 * A replica that receives and has replayed all that it received is current: 0. Otherwise there are two
 * things that it can't be behind more than: the time since the commit that it replayed last, which says
 * too much when nobody wrote since, and the time since it was last seen current. The lesser one counts.
 */
import type postgres from 'postgres';

/** What a replica says of itself. */
export interface ReplicaState {
  readonly isCurrent: boolean;
  /** Since the commit, or the checkpoint, that it replayed last, by the two servers' clocks. */
  readonly sinceReplayedS: number;
}

/**
 * Asks whether the counts can be read, and how it is with the replica that has them. A role without further
 * rights sees whether the replica receives, not from whom.
 *
 * @returns `undefined` when it is no replica. Rejects when the counts can't be read.
 */
export async function replicaState(sql: postgres.Sql): Promise<ReplicaState | undefined> {
  const [row] = await sql<{ isReplica: boolean; isCurrent: boolean | null; sinceReplayedS: number }[]>`
    SELECT EXISTS (SELECT FROM hourly_counts) AS "hasCounts", pg_is_in_recovery() AS "isReplica",
      EXISTS (SELECT FROM pg_stat_wal_receiver)
        AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AS "isCurrent",
      CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM clock_timestamp() - coalesce(
        pg_last_xact_replay_timestamp(), (SELECT checkpoint_time FROM pg_control_checkpoint())))
      ELSE 0 END::float8 AS "sinceReplayedS"`;
  if (row === undefined) throw new Error('a query without FROM answered no row');
  if (!row.isReplica) return undefined;
  return { isCurrent: row.isCurrent === true, sinceReplayedS: row.sinceReplayedS };
}

export class Staleness {
  readonly #now: () => number;
  #state: ReplicaState | undefined;
  #sawItAt = 0;
  #sawItCurrentAt = Number.NEGATIVE_INFINITY;

  /** @param now in milliseconds, never going back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Takes what was just answered. */
  saw(state: ReplicaState | undefined): void {
    this.#state = state;
    this.#sawItAt = this.#now();
    if (state?.isCurrent === true) this.#sawItCurrentAt = this.#sawItAt;
  }

  /** At most so many seconds; `undefined` when no replica was seen. */
  get seconds(): number | undefined {
    const state = this.#state;
    if (state === undefined) return undefined;
    if (state.isCurrent) return 0;
    const now = this.#now();
    const sinceReplayedS = state.sinceReplayedS + (now - this.#sawItAt) / 1_000;
    return Math.max(0, Math.min(sinceReplayedS, (now - this.#sawItCurrentAt) / 1_000));
  }
}
