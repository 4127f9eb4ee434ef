/** Fault 13: somebody empties Redis, deletes the stream, or trims it, while everything runs. */
import { expect, it } from 'vitest';
import { type RedisClient, withRedis } from '../backlog.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const STREAM = 'sluice:events';
/** Two seconds, and as much again for two busy cores. */
const GROUP_BACK_WITHIN_MS = 4_000;

/** What the system says that it lost, in events. */
interface Told {
  /** By Redis' own counter, which the workers keep and ingest shows. */
  readonly lost: number;
  /** By ingest, which remembers what Redis forgot. */
  readonly forgotten: number;
  /** Lines of alarm in the logs. */
  readonly alarms: number;
}

const SUBJECTS: {
  readonly name: string;
  readonly empty: (client: RedisClient) => Promise<unknown>;
  /** What a worker had in hand may be counted as lost and stored all the same: never too little is told. */
  readonly told: (told: Told, missing: number) => void;
}[] = [
  {
    name: 'FLUSHALL',
    empty: (client) => client.flushAll(),
    told: ({ forgotten }) => expect(forgotten).toBeGreaterThan(0),
  },
  {
    name: 'DEL of the stream',
    empty: (client) => client.del(STREAM),
    told: ({ lost }, missing) => expect(lost).toBeGreaterThanOrEqual(missing),
  },
  {
    name: 'XTRIM MAXLEN 0',
    empty: (client) => client.xTrim(STREAM, 'MAXLEN', 0),
    told: ({ lost }, missing) => expect(lost).toBeGreaterThanOrEqual(missing),
  },
];

it.each(SUBJECTS)(
  'fault 13: $name while running → group back, later events stored, the loss counted and alarmed',
  async ({ empty, told }) => {
    const random = seededRandom();
    const system = await givenSystem();
    const before = startLoad(system, { random, connections: 20, rate: 500 });
    await until('under load', 20_000, () =>
      before.acked.size > 500 ? undefined : `${before.acked.size} acked`,
    );
    await withBacklog(system, 200, () => withRedis(system.redisUrl, empty));
    await until('the group back', GROUP_BACK_WITHIN_MS, () => withRedis(system.redisUrl, hasGroup));
    await before.stop();
    const after = startLoad(system, { random, connections: 20, count: 300 });
    await after.done;

    expect(Object.keys({ ...before.statuses, ...after.statuses })).toEqual(['204']);
    const figures = await assertNothingLostOrDoubled(system, [before, after], { redisLost: [before] });
    const missing = figures.accepted - figures.stored;
    expect(missing).toBeGreaterThan(0);
    await until('told', 5_000, async () => {
      const all = await tellings(system);
      told(all, missing);
      return all.alarms > 0 ? undefined : 'no alarm';
    });
    for (const worker of system.workers) {
      expect(await worker.metric('sluice_group_recreated_total')).toBeLessThan(5);
      expect(await worker.metric('sluice_failures_total', 'reason="read"')).toBeLessThan(10);
    }
  },
);

/** Does something while so many events wait in the stream. */
async function withBacklog(system: System, events: number, work: () => Promise<unknown>): Promise<void> {
  for (const worker of system.workers) worker.freeze();
  await until('a backlog', 20_000, async () => {
    const { accepted, settled } = await system.backlog();
    return accepted - settled > events ? undefined : `${accepted - settled} events`;
  });
  await work();
  for (const worker of system.workers) worker.thaw();
}

async function hasGroup(client: RedisClient): Promise<string | undefined> {
  const groups = await client.xInfoGroups(STREAM);
  return groups.length === 1 ? undefined : 'none';
}

async function tellings(system: System): Promise<Told> {
  const errors = system.services.flatMap(({ log }) => log.filter(({ level }) => level === 'error'));
  return {
    lost: await system.ingest.metric('sluice_lost_events'),
    forgotten: await system.ingest.metric('sluice_forgotten_events'),
    alarms: errors.length,
  };
}
