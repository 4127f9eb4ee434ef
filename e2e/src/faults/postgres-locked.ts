/** Fault 20 in both its lengths: somebody holds a lock on `events` that lets nobody write. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { deliveries } from '../backlog.ts';
import { givenSystem } from '../given-system.ts';
import { type LoadOptions, startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { until } from '../until.ts';

export async function eventsLocked(heldMs: number, options: LoadOptions): Promise<void> {
  const system = await givenSystem();
  const load = startLoad(system, options);
  await until('some are stored', 20_000, async () =>
    (await system.backlog()).settled > 0 ? undefined : 'none',
  );
  await system.asOwner((sql) =>
    sql.begin(async (locked) => {
      await locked`LOCK TABLE events IN ACCESS EXCLUSIVE MODE`;
      await sleep(heldMs);
      const [busiest = 0] = (await deliveries(system.redisUrl)).toSorted((a, b) => b - a);
      expect(busiest).toBe(1);
      for (const worker of system.workers) {
        const { status, body } = await worker.probe('/readyz');
        expect([status, body]).toEqual([503, expect.stringContaining('lock timeout')]);
      }
    }),
  );
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  const figures = await assertNothingLostOrDoubled(system, load);
  expect(figures).toMatchObject({ deadLettered: 0, redelivered: 0 });
}
