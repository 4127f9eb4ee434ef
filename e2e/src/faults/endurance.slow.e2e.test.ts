/**
 * Fault 36: half an hour, or MINUTES, of 70 % of what the system can take, with a kill every 20 s.
 *
 * It runs in rounds: after each one everything drains and the oracle looks at it, and then the tables
 * are emptied, so that neither they nor the ledger outgrow this process. One ingest, one worker and
 * stats are never killed: what leaks, leaks there, with every reconnection of the others' deaths.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readConsumers } from '../backlog.ts';
import { givenMinutes } from '../config.ts';
import { type Footprint, footprintOf } from '../footprint.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { type Random, seededRandom } from '../seed.ts';
import type { ServiceProcess } from '../service-process.ts';
import type { System } from '../system.ts';

const MINUTES = givenMinutes();
const SHARE = 0.7;
const CAPACITY_MS = 10_000;
const KILL_EVERY_MS = 20_000;
const KILLS_A_ROUND = 2;
const CONNECTIONS = 20;
const SAMPLE_EVERY_MS = 2_000;
/** From the second third of the run to the last one. */
const MAX_GROWTH = 1.15;
/** A heap between two collections differs by as much. */
const MAX_GROWTH_MIB = 25;
const MAX_GROWTH_DESCRIPTORS = 10;
/** Two live ones, and those that died within the claim times and the minute until somebody removes them. */
const MOST_CONSUMERS = 10;

interface Sample {
  readonly footprints: ReadonlyMap<string, Footprint>;
  readonly consumers: number;
}

it(`fault 36: ${MINUTES} minutes at 70 % with a kill every 20 s → memory, descriptors and consumers flat`, async () => {
  const random = seededRandom();
  const system = await givenSystem({ ingests: 2, workers: 2 });
  const survivors = [system.ingest, system.worker, await system.stats()];
  const rate = Math.floor((await capacity(system, random)) * SHARE);
  console.log(`${rate} events a second`);
  const samples: Sample[] = [];
  const endsAt = performance.now() + MINUTES * 60_000;
  for (let round = 0; performance.now() < endsAt; round += 1) {
    const load = startLoad(system, { random, connections: CONNECTIONS, rate });
    const stopSampling = sample(system, survivors, samples);
    for (let kills = 0; kills < KILLS_A_ROUND; kills += 1) {
      await sleep(KILL_EVERY_MS);
      await killInTurn(system, round * KILLS_A_ROUND + kills);
    }
    await load.stop();
    await stopSampling();
    await assertNothingLostOrDoubled(system, load, { drainWithinMs: 60_000 });
    await empty(system);
  }
  for (const { label } of survivors) isFlat(label, samples);
  const consumers = samples.map((each) => each.consumers);
  console.log(`consumers: at most ${Math.max(...consumers)}`);
  expect(Math.max(...consumers)).toBeLessThanOrEqual(MOST_CONSUMERS);
});

/** Events a second that go in and out when nothing holds them back. */
async function capacity(system: System, random: Random): Promise<number> {
  const startedAt = performance.now();
  const load = startLoad(system, { random, connections: CONNECTIONS, durationMs: CAPACITY_MS });
  await load.done;
  await system.drain(60_000);
  const seconds = (performance.now() - startedAt) / 1_000;
  await assertNothingLostOrDoubled(system, load);
  await empty(system);
  return load.acked.size / seconds;
}

async function killInTurn(system: System, turn: number): Promise<void> {
  switch (turn % 4) {
    case 0:
      return system.workers.at(-1)?.restart('SIGKILL');
    case 1:
      await system.redis.kill();
      return system.redis.restart();
    case 2:
      return system.ingests.at(-1)?.restart('SIGKILL');
    default:
      await system.postgres.kill('SIGQUIT');
      return system.postgres.restart();
  }
}

/** Looks now and then. @returns what ends it, once no look is under way. */
function sample(
  system: System,
  survivors: readonly ServiceProcess[],
  samples: Sample[],
): () => Promise<void> {
  let looking = true;
  const looks = (async () => {
    while (looking) {
      const footprints = new Map<string, Footprint>();
      for (const { label, pid } of survivors) footprints.set(label, await footprintOf(pid));
      // A Redis that was just killed can't be asked.
      const consumers = await readConsumers(system.redisUrl).catch(() => []);
      samples.push({ footprints, consumers: consumers.length });
      await sleep(SAMPLE_EVERY_MS);
    }
  })();
  return async () => {
    looking = false;
    await looks;
  };
}

function isFlat(label: string, samples: readonly Sample[]): void {
  const all = samples.map(({ footprints }) => footprints.get(label) as Footprint);
  const third = Math.floor(all.length / 3);
  const thirds = [all.slice(0, third), all.slice(third, 2 * third), all.slice(2 * third)];
  const memory = thirds.map((each) => median(each.map(({ memoryMib }) => memoryMib)));
  const descriptors = thirds.map((each) => median(each.map((one) => one.descriptors)));
  console.log(`${label}: MiB ${memory.map(Math.round).join(' → ')}, descriptors ${descriptors.join(' → ')}`);
  const [, memoryBefore = 0, memoryAtLast = 0] = memory;
  const [, descriptorsBefore = 0, descriptorsAtLast = 0] = descriptors;
  expect(memoryAtLast).toBeLessThan(memoryBefore * MAX_GROWTH + MAX_GROWTH_MIB);
  expect(descriptorsAtLast).toBeLessThan(descriptorsBefore + MAX_GROWTH_DESCRIPTORS);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

async function empty(system: System): Promise<void> {
  await system.asOwner(
    (sql) => sql`
      TRUNCATE events, hourly_counts, unfolded, folded_paths, folded_visitors, folded_visitor_counts, dead_letters`,
  );
}
