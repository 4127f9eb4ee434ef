/** Faults 14 and 15: Redis comes back with less than it had: its file is cut, or a replica took over. */
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '@sluice/stack/redis';
import { expect, it, onTestFinished } from 'vitest';
import { withRedis } from '../backlog.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import { ServerProcess } from '../server-process.ts';
import { stablePort } from '../stable-port.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const CUT_BYTES = 100;

it('fault 14: the last 100 bytes of the append-only file cut off, an acknowledgement → redelivered, stored once', async () => {
  const random = seededRandom();
  const system = await givenSystem();
  const load = startLoad(system, { random, connections: 20, count: 1_000 });
  await load.done;
  await system.drain();
  await cutAppendOnlyFile(system);
  expect((await system.backlog()).entries).toBeGreaterThan(0);
  await system.ingest.ready();
  const after = startLoad(system, { random, connections: 20, count: 200 });
  await after.done;
  await assertNothingLostOrDoubled(system, [load, after]);
  const duplicates = system.workers.map((worker) => worker.metric('sluice_duplicate_events_total'));
  expect(Math.max(...(await Promise.all(duplicates)))).toBeGreaterThan(0);
});

it('fault 14: the last 100 bytes of the append-only file cut off, an entry → only that entry is lost, and told', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 0 });
  const load = startLoad(system, { random, connections: 20, count: 500 });
  await load.done;
  const { entries } = await system.backlog();
  await cutAppendOnlyFile(system);
  expect((await system.backlog()).entries).toBe(entries - 1);
  await system.ingest.ready();
  await system.add('worker');
  const after = startLoad(system, { random, connections: 20, count: 200 });
  await after.done;
  const { accepted, stored } = await assertNothingLostOrDoubled(system, [load, after], {
    redisLost: [load],
  });
  await until('told', 5_000, async () => {
    const forgotten = await system.ingest.metric('sluice_forgotten_events');
    return forgotten === accepted - stored ? undefined : `${forgotten} told of ${accepted - stored}`;
  });
});

it('fault 15: a replica promoted over a primary that had more → READONLY is 503, only what it lacked is lost, and told', async () => {
  const random = seededRandom();
  const system = await givenSystem({ proxied: true });
  const replica = await givenReplica(system);
  const send = async (count: number) => {
    const load = startLoad(system, { random, connections: 20, count });
    await load.done;
    return load;
  };
  const replicated = await send(500);
  await withRedis(system.redisUrl, (client) => client.wait(1, 5_000));
  // A primary that nobody is: still a replica, and no longer told of anything.
  await withRedis(replica.url, (client) => client.sendCommand(['REPLICAOF', '127.0.0.1', '1']));
  const storedInTime = await send(200);
  await system.drain();
  for (const worker of system.workers) worker.freeze();
  const missed = await send(100);

  await system.redis.kill();
  system.failOver(replica);
  for (const worker of system.workers) worker.thaw();
  await until('connected', 10_000, async () => {
    const { body } = await system.ingest.probe('/readyz');
    return body.includes('read-only replica') ? undefined : body;
  });
  const refused = await send(50);
  await withRedis(replica.url, (client) => client.sendCommand(['REPLICAOF', 'NO', 'ONE']));
  await system.ingest.ready();
  const after = await send(200);

  expect(Object.keys(refused.statuses)).toEqual(['503']);
  expect(Object.keys(after.statuses)).toEqual(['204']);
  await assertNothingLostOrDoubled(system, [replicated, storedInTime, missed, refused, after], {
    redisLost: [missed],
  });
  expect(await system.ingest.metric('sluice_forgotten_events')).toBe(300);
});

/** Kills Redis, cuts the end off its file, and starts it again. */
async function cutAppendOnlyFile(system: System): Promise<void> {
  const folder = await withRedis(system.redisUrl, async (client) => {
    const { dir = '', appenddirname = '' } = await client.configGet(['dir', 'appenddirname']);
    return join(dir, appenddirname);
  });
  await system.redis.kill();
  const names = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof'));
  const file = join(folder, names.at(-1) ?? '');
  await truncate(file, (await stat(file)).size - CUT_BYTES);
  await system.redis.restart();
}

/** A replica of the system's Redis, in step with it. */
async function givenReplica(system: System): Promise<ServerProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-replica-'));
  const port = await stablePort();
  const settings = { replicaof: `127.0.0.1 ${system.redis.port}`, 'repl-diskless-sync-delay': '0' };
  const replica = await ServerProcess.start(() => startRedis({ dir, port, settings }));
  onTestFinished(async () => {
    await replica.stop();
    await rm(dir, { recursive: true });
  });
  await until('in step', 20_000, async () => {
    const info = await withRedis(replica.url, (client) => client.info('replication'));
    return info.includes('master_link_status:up') ? undefined : info;
  });
  return replica;
}
