/** Faults 9 and 10, of any length: Redis is away, or there and silent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';

/** Lines of the log a second, of all services together. */
const MAX_LINES_PER_SECOND = 10;
/** Of a core: a worker that waits does next to nothing, one that spins takes all it can get. */
const MAX_IDLE_CPU = 0.3;
/** Ingest's deadline for an append, and as much again for two busy cores. */
const DEADLINE_MS = 3_000;

/** Events before and after that show that all works. */
const BESIDE = 150;

/** Kills Redis, and starts it again after `ms`. */
export async function redisAway(system: System, ms: number): Promise<void> {
  const load = startLoad(system, { random: seededRandom(), connections: 10, rate: 200 });
  await load.acknowledges(BESIDE);
  const cpuBefore = await cpuSeconds(system);
  const linesBefore = linesOf(system);
  await system.redis.kill();
  await sleep(ms);
  const cpu = (await cpuSeconds(system)) - cpuBefore;
  const lines = linesOf(system) - linesBefore;
  await system.redis.restart();
  await Promise.all(system.services.map((service) => service.ready(5_000)));
  await load.acknowledges(BESIDE);
  await load.stop();
  console.log(`${lines} lines of log and ${cpu.toFixed(1)} s of the workers' CPU in ${ms} ms`);
  expect(lines).toBeLessThan((MAX_LINES_PER_SECOND * ms) / 1_000);
  expect(cpu / system.workers.length).toBeLessThan((MAX_IDLE_CPU * ms) / 1_000);
  expect(Object.keys(load.statuses).toSorted()).toEqual(['204', '503']);
  expect(load.latencyMs(503, 0.5)).toBeLessThan(100);
  await assertNothingLostOrDoubled(system, load);
}

/** Stops Redis with SIGSTOP for `ms`. */
export async function redisFrozen(system: System, ms: number): Promise<void> {
  await redisSilent(
    system,
    ms,
    () => system.redis.freeze(),
    () => system.redis.thaw(),
  );
}

/** Drops everything between the services and Redis for `ms`, without a reset. */
export async function redisBlackholed(system: System, ms: number): Promise<void> {
  const { ingestRedis, workerRedis } = system.proxies;
  await redisSilent(
    system,
    ms,
    () => {
      for (const way of [ingestRedis, workerRedis]) way.blackhole();
    },
    () => {
      for (const way of [ingestRedis, workerRedis]) way.pass();
    },
  );
}

/** Meanwhile clients send what is unknown again, until they know. */
async function redisSilent(system: System, ms: number, spoil: () => void, heal: () => void): Promise<void> {
  const random = seededRandom();
  const load = startLoad(system, { random, connections: 20, rate: 300, resend: true });
  await load.acknowledges(BESIDE);
  spoil();
  await sleep(ms);
  heal();
  await Promise.all(system.services.map((service) => service.ready(10_000)));
  await load.acknowledges(BESIDE);
  await load.stop();
  expect(Object.keys(load.statuses).toSorted()).toEqual(['204', '503']);
  expect(load.latencyMs(503, 0.99)).toBeLessThan(DEADLINE_MS);
  const figures = await assertNothingLostOrDoubled(system, load);
  expect(figures).toMatchObject({ accepted: load.sent, unknown: 0, stored: load.sent });
}

async function cpuSeconds(system: System): Promise<number> {
  const each = system.workers.map((worker) => worker.metric('process_cpu_seconds_total'));
  return (await Promise.all(each)).reduce((sum, seconds) => sum + seconds, 0);
}

function linesOf(system: System): number {
  return system.services.reduce((sum, { log }) => sum + log.length, 0);
}
