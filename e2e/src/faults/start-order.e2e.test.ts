/** Fault 33: services start before what they need, or with what they need not as it should be. */
import { migrate } from '@sluice/db/migrate';
import { expect, it } from 'vitest';
import { withRedis } from '../backlog.ts';
import { givenSystem } from '../given-system.ts';
import type { Ledger } from '../ledger.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { ServiceProcess } from '../service-process.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

/** Loading a command takes so long, in microseconds; every thousand of them Redis answers. */
const LOAD_DELAY_US = '300';
/** Several seconds of loading. */
const COMMANDS_TO_LOAD = 15_000;
const SECRET = 'not-the-password';

it('fault 33: services started before Redis and Postgres → 503 and not ready, then all works', async () => {
  const system = await givenSystem({ ingests: 0, workers: 0 });
  await Promise.all([system.redis.kill(), system.postgres.kill('SIGQUIT')]);
  const services = [await system.spawn('worker'), await system.spawn('ingest'), await system.spawn('stats')];
  await Promise.all(services.map((service) => service.live()));
  await assertUnready(services);
  const early = await refusedLoad(system);
  await system.redis.restart();
  await system.ingest.ready();
  const withoutPostgres = await acceptedLoad(system);
  await assertUnready([system.worker]);
  await system.postgres.restart();
  await Promise.all(services.map((service) => service.ready()));
  await assertNothingLostOrDoubled(system, [early, withoutPostgres]);
});

it('fault 33: Postgres without a schema → the worker waits and is not ready, ingest accepts, then all is stored', async () => {
  const system = await givenSystem({ workers: 0 });
  await system.asOwner((sql) => sql`DROP SCHEMA public CASCADE`);
  await system.asOwner((sql) => sql`CREATE SCHEMA public`);
  // As in a new database.
  await system.asOwner((sql) => sql`GRANT USAGE ON SCHEMA public TO PUBLIC`);
  const worker = await system.spawn('worker');
  await worker.logged('that somebody must act', ({ msg }) => msg === 'a step failed and needs an operator');
  await assertUnready([worker]);
  const load = await acceptedLoad(system);
  await migrate(system.databaseUrl);
  await worker.ready();
  await assertNothingLostOrDoubled(system, load);
});

it('fault 33: Redis loading its data → 503 and not ready, then all works', async () => {
  const system = await givenSystem({ workers: 0, redisSettings: { 'key-load-delay': LOAD_DELAY_US } });
  const before = await acceptedLoad(system);
  await withRedis(system.redisUrl, async (client) => {
    const all = client.multi();
    for (let left = COMMANDS_TO_LOAD; left > 0; left -= 1) all.incr('filler');
    await all.exec();
  });
  await system.redis.kill();
  const worker = await system.spawn('worker');
  await worker.live();
  const loaded = system.redis.restart();
  await until('loading', 20_000, async () => {
    const { body } = await system.ingest.probe('/readyz');
    return /loading/i.test(body) ? undefined : body;
  });
  await assertUnready([system.ingest, worker]);
  const early = await refusedLoad(system);
  await loaded;
  await Promise.all([system.ingest.ready(), worker.ready()]);
  const after = await acceptedLoad(system);
  await assertNothingLostOrDoubled(system, [before, early, after]);
});

it('fault 33: a wrong password of Redis → ingest and worker end with 1 and say why, without the password', async () => {
  const system = await givenSystem({ ingests: 0, workers: 0, redisSettings: { requirepass: 'right' } });
  const env = { REDIS_URL: `redis://:${SECRET}@127.0.0.1:${system.redis.port}` };
  const services = [await system.spawn('ingest', { env }), await system.spawn('worker', { env })];
  for (const service of services) {
    expect(await service.dies()).toMatchObject({ code: 1 });
    const log = JSON.stringify(service.log);
    expect(log).toContain('Redis refuses the credentials in REDIS_URL');
    expect(log).not.toContain(SECRET);
  }
});

it('fault 33: a wrong password of Postgres → the worker waits, is not ready and says why, without the password', async () => {
  const system = await givenSystem({ workers: 0 });
  const url = new URL(system.databaseUrl);
  url.username = 'sluice_worker';
  url.password = SECRET;
  const worker = await system.spawn('worker', { env: { DATABASE_URL: url.href } });
  await worker.logged('that somebody must act', ({ msg }) => msg === 'a step failed and needs an operator');
  await assertUnready([worker]);
  expect(JSON.stringify(worker.log)).toContain('password authentication failed');
  expect(JSON.stringify(worker.log)).not.toContain(SECRET);
});

async function assertUnready(services: readonly ServiceProcess[]): Promise<void> {
  for (const service of services) {
    expect(await service.probe('/readyz'), service.label).toMatchObject({ status: 503 });
    expect(await service.probe('/livez'), service.label).toMatchObject({ status: 200 });
  }
}

async function refusedLoad(system: System): Promise<Ledger> {
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 20 });
  await load.done;
  expect(Object.keys(load.statuses)).toEqual(['503']);
  return load;
}

async function acceptedLoad(system: System): Promise<Ledger> {
  const load = startLoad(system, { random: seededRandom(), connections: 10, count: 200 });
  await load.done;
  expect(Object.keys(load.statuses)).toEqual(['204']);
  return load;
}
