/** A primary goes and nobody can take its place. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

it('a primary and its replica killed → the events go to the other shards; back again, theirs are stored too', async () => {
  const random = seededRandom();
  const system = await givenSystem({ cluster: { shards: 6 }, ingests: 2 });
  const { cluster } = system;
  if (cluster === undefined) throw new Error('no cluster');
  const first = startLoad(system, { random, connections: 30, durationMs: 1_500, resend: true });
  const { primary, replica } = await cluster.placeOf(random.pick(cluster.streams));
  const gone = await cluster.streamsOn(primary.port);
  await sleep(500);
  const down = [replica?.port, primary.port].map((port) => cluster.server(port as number));
  for (const server of down) await server.kill();
  await first.done;

  const without = startLoad(system, { random, connections: 30, count: 3_000 });
  await without.done;
  expect(Object.keys(without.statuses)).toEqual(['204']);
  const { status, body } = await system.ingest.probe('/readyz');
  expect(status).toBe(200);
  const { warnings } = JSON.parse(body) as { warnings: { shards: string } };
  for (const stream of gone) expect(warnings.shards).toContain(`${/\d+/.exec(stream)}: `);
  expect(await Promise.all(system.workers.map((worker) => worker.probe('/readyz')))).toMatchObject([
    { status: 200 },
    { status: 200 },
  ]);

  for (const server of down.toReversed()) await server.restart();
  await cluster.healed();
  await assertNothingLostOrDoubled(system, [first, without], { drainWithinMs: 60_000 });
});
