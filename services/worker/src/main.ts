/** The worker: stream entries in, durable rows out. Wiring only. */
import { createStreamClient, streamKeys } from '@sluice/event/stream';
import { Health } from '@sluice/service/health';
import { closeServer, createProbeServer, listen } from '@sluice/service/http-server';
import { runService } from '@sluice/service/lifecycle';
import { createRegistry } from '@sluice/service/metrics';
import { workerConfig } from './config.ts';
import { Consumer } from './consumer.ts';
import { Database } from './database.ts';
import { DeadLetters } from './dead-letters.ts';
import { StreamReader } from './stream-reader.ts';
import { ensurePartitions, startUpkeep } from './upkeep.ts';
import { createWorkerMetrics } from './worker-metrics.ts';
import { Writer } from './writer.ts';

/** A Redis that says nothing for so long is taken for dead; it is asked several times meanwhile. */
const REDIS_SILENCE_MS = 2_000;
const REDIS_PING_MS = 500;
/** A read blocks for a second, and a ping waits behind it. */
const READ_SILENCE_MS = 3_000;
const READ_PING_MS = 1_000;
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
  const client = (name: string, socketTimeoutMs: number, pingIntervalMs: number) => {
    const created = createStreamClient({ url: config.REDIS_URL, name, socketTimeoutMs, pingIntervalMs });
    created.on('error', (error) => metrics.failed('read', 'transient', error));
    created.on('terminated', (error) => fail('Redis refused the connection for good', error));
    const connected = created.connect().catch((error: unknown) => fail('could not connect to Redis', error));
    return { client: created, connected };
  };
  const { client: reading, connected: readingConnected } = client(
    'sluice-worker-read',
    READ_SILENCE_MS,
    READ_PING_MS,
  );
  const { client: control, connected: controlConnected } = client(
    'sluice-worker',
    REDIS_SILENCE_MS,
    REDIS_PING_MS,
  );
  const stream = new StreamReader({
    reading,
    control,
    keys: streamKeys(config.STREAM_KEY),
    consumer: config.CONSUMER,
    claimMinIdleMs: config.CLAIM_MIN_IDLE_MS,
  });
  const database = new Database({
    url: config.DATABASE_URL,
    connections: config.WRITERS + UPKEEP_CONNECTIONS,
    deadlineMs: config.WRITE_DEADLINE_MS,
    stuck: (error) => fail('Postgres does not answer: starting over', error),
  });
  const deadLetters = new DeadLetters(database, metrics.deadLettered);
  const consumer = new Consumer({
    stream,
    writer: new Writer(database, deadLetters),
    deadLetters,
    connected: Promise.all([readingConnected, controlConnected]),
    prepare: () => ensurePartitions(database),
    unblock: () => database.endStalledCopies(),
    metrics,
    log,
    writers: config.WRITERS,
    batchMaxEvents: config.BATCH_MAX_EVENTS,
    claimMinIdleMs: config.CLAIM_MIN_IDLE_MS,
    maxDeliveries: config.MAX_DELIVERIES,
  });
  health.require('redis', () => (reading.isReady && control.isReady ? undefined : 'not connected'));
  health.require('consumer', () => consumer.problem);

  onStop('connections', async () => {
    reading.destroy();
    control.destroy();
    await database.close(CLOSE_GRACE_MS);
  });
  const server = createProbeServer(health);
  const port = await listen(server, config.HOST, config.PORT);
  onStop('http', () => closeServer(server));
  const silentMs = DEAD_AFTER_CLAIM_TIMES * config.CLAIM_MIN_IDLE_MS;
  onStop(
    'upkeep',
    startUpkeep(database, () => stream.removeDeadConsumers(silentMs), log),
  );
  const watchdog = setInterval(() => {
    // Starting waits for Redis and Postgres for as long as it takes.
    if (consumer.mode === 'STARTING') return;
    const silence = performance.now() - consumer.lastTurnAt;
    const limit = Math.max(WATCHDOG_LEAST_MS, WATCHDOG_DEADLINES * config.WRITE_DEADLINE_MS);
    if (silence > limit) fail('the loop hangs: starting over');
  }, 1_000);
  const running = consumer.run();
  running.catch((error: unknown) => fail('the consumer failed', error));
  onStop('consumer', async () => {
    health.stopping();
    consumer.stop();
    await running;
    clearInterval(watchdog);
    if (control.isReady) await stream.leave();
  });
  log.info({ port, consumer: config.CONSUMER }, 'listening');
});
