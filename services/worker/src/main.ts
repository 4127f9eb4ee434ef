/** The worker: stream entries in, durable rows out. Wiring only. */
import { shardsOf } from '@sluice/event/stream';
import { Health } from '@sluice/service/health';
import { closeServer, createProbeServer, listen } from '@sluice/service/http-server';
import { runService } from '@sluice/service/lifecycle';
import { createAskedGauge, createRegistry } from '@sluice/service/metrics';
import { workerConfig } from './config.ts';
import { Database } from './database.ts';
import { DeadLetters } from './dead-letters.ts';
import { requireShards } from './readiness.ts';
import { ensurePartitions, startUpkeep } from './upkeep.ts';
import { createShardMetrics, createWorkerMetrics } from './worker-metrics.ts';
import { WorkerShard } from './worker-shard.ts';
import { WriteSlots } from './write-slots.ts';
import { Writer } from './writer.ts';

const CLOSE_GRACE_MS = 2_000;
/** A connection beyond the writers', so that upkeep never waits behind a batch. */
const UPKEEP_CONNECTIONS = 1;
/** A consumer this many claim times silent is dead. */
const DEAD_AFTER_CLAIM_TIMES = 4;
/** A loop that hasn't turned for this many write deadlines hangs, */
const WATCHDOG_DEADLINES = 3;
/** but a Redis that went silent holds up one turn for several commands' time-outs, and hangs nothing. */
const WATCHDOG_LEAST_MS = 15_000;

await runService('worker', async ({ log, fail, onStop }) => {
  const config = workerConfig();
  log.level = config.LOG_LEVEL;
  const registry = createRegistry('worker');
  const health = new Health('worker', registry, config.SOURCE_VERSION);
  const metrics = createWorkerMetrics(registry, log);
  const database = new Database({
    url: config.DATABASE_URL,
    connections: config.WRITERS + UPKEEP_CONNECTIONS,
    deadlineMs: config.WRITE_DEADLINE_MS,
    stuck: (error) => fail('Postgres does not answer: starting over', error),
  });
  const deadLetters = new DeadLetters(database, metrics.deadLettered);
  const places = shardsOf(config.STREAM_KEY, config.STREAM_SHARDS);
  const byShard =
    places.length > 1
      ? createShardMetrics(
          registry,
          metrics,
          places.map(({ name }) => name),
        )
      : undefined;
  const shared = {
    redis: config,
    name: config.CONSUMER,
    fail,
    writer: new Writer(database, deadLetters),
    deadLetters,
    prepare: onceForAll(() => ensurePartitions(database)),
    unblock: () => database.endStalledCopies(),
    writers: config.WRITERS,
    slots: new WriteSlots(config.WRITERS),
    shards: places.length,
    batchMaxEvents: config.BATCH_MAX_EVENTS,
    claimMinIdleMs: config.CLAIM_MIN_IDLE_MS,
    maxDeliveries: config.MAX_DELIVERIES,
  };
  const shards = places.map(
    (shard) =>
      new WorkerShard({
        ...shared,
        shard,
        metrics: byShard?.get(shard.name) ?? metrics,
        log: shard.name === '' ? log : log.child({ shard: shard.name }),
      }),
  );
  requireShards(health, shards);
  createAskedGauge(
    registry,
    'sluice_oldest_pending_seconds',
    'Age of the oldest entry that is read and not settled, by any worker.',
    async () => Math.max(...(await Promise.all(shards.map(({ stream }) => stream.oldestPendingSeconds())))),
  );

  onStop('connections', async () => {
    for (const shard of shards) shard.disconnect();
    await database.close(CLOSE_GRACE_MS);
  });
  const server = createProbeServer(health);
  const port = await listen(server, config.HOST, config.PORT);
  onStop('http', () => closeServer(server));
  const silentMs = DEAD_AFTER_CLAIM_TIMES * config.CLAIM_MIN_IDLE_MS;
  onStop(
    'upkeep',
    startUpkeep({
      database,
      slots: shared.slots,
      isBehind: () => shards.some(({ consumer }) => consumer.isBehind),
      removeDeadConsumers: async () => {
        await Promise.all(shards.map(({ stream }) => stream.removeDeadConsumers(silentMs)));
      },
      log,
    }),
  );
  const watchdog = setInterval(() => {
    const limit = Math.max(WATCHDOG_LEAST_MS, WATCHDOG_DEADLINES * config.WRITE_DEADLINE_MS);
    for (const { consumer } of shards) {
      // Starting waits for Redis and Postgres for as long as it takes.
      if (consumer.mode === 'STARTING') continue;
      if (performance.now() - consumer.lastTurnAt > limit) fail('the loop hangs: starting over');
    }
  }, 1_000);
  const running = Promise.all(shards.map(({ consumer }) => consumer.run()));
  running.catch((error: unknown) => fail('the consumer failed', error));
  onStop('consumer', async () => {
    health.stopping();
    for (const { consumer } of shards) consumer.stop();
    await running;
    clearInterval(watchdog);
    await Promise.all(shards.map((shard) => shard.leave()));
  });
  log.info({ port, consumer: config.CONSUMER }, 'listening');
});

/** `work`, done once for all who ask; again only after it failed. */
function onceForAll(work: () => Promise<void>): () => Promise<void> {
  let doing: Promise<void> | undefined;
  return () => {
    doing ??= work().catch((error: unknown) => {
      doing = undefined;
      throw error;
    });
    return doing;
  };
}
