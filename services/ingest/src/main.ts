/** The ingest service: HTTP in, stream entries out. Wiring only. */
import cluster from 'node:cluster';
import { createShardClient } from '@sluice/event/shard-client';
import { shardsOf } from '@sluice/event/stream';
import { joinPrimary } from '@sluice/service/child';
import { Health } from '@sluice/service/health';
import { closeServer, listen } from '@sluice/service/http-server';
import { runService, type Service } from '@sluice/service/lifecycle';
import { createRegistry } from '@sluice/service/metrics';
import { startProcesses } from '@sluice/service/processes';
import { createApp } from './app.ts';
import { ingestConfig } from './config.ts';
import { createIngestMetrics, createShardMetrics } from './ingest-metrics.ts';
import { requireShards } from './readiness.ts';
import { createIngestServer } from './server.ts';
import { IngestShard } from './shard.ts';
import { Shards } from './shards.ts';

/** A Redis that says nothing for so long is taken for dead; it is asked four times meanwhile. */
const REDIS_SILENCE_MS = 2_000;
const REDIS_PING_MS = 500;

await runService('ingest', async (service) => {
  const config = ingestConfig();
  service.log.level = config.LOG_LEVEL;
  if (cluster.isPrimary && config.WEB_CONCURRENCY > 1) {
    startProcesses(service, 'ingest', config.WEB_CONCURRENCY);
  } else {
    await serve(service, config);
  }
});

/** Does the work: in the only process, or in each child of several. */
async function serve(service: Service, config: ReturnType<typeof ingestConfig>): Promise<void> {
  const { log, fail, onStop } = service;
  const registry = createRegistry('ingest');
  const child = cluster.isWorker ? joinPrimary(service, registry) : undefined;
  const health = new Health('ingest', child?.metrics ?? registry, config.SOURCE_VERSION);
  const places = shardsOf(config.STREAM_KEY, config.STREAM_SHARDS);
  const shards: IngestShard[] = [];
  const metrics = createIngestMetrics(registry, log, shards);
  for (const shard of places) {
    const client = createShardClient(config, shard, {
      name: 'sluice-ingest',
      socketTimeoutMs: REDIS_SILENCE_MS,
      pingIntervalMs: REDIS_PING_MS,
    });
    const shardLog = shard.name === '' ? log : log.child({ shard: shard.name });
    client.on('error', metrics.redisError);
    client.on('ready', () => {
      shardLog.info('connected to Redis');
      child?.settled();
    });
    client.on('terminated', (error) => fail('Redis refused the connection for good', error));
    shards.push(
      new IngestShard({
        client,
        shard,
        log: shardLog,
        shards: places.length,
        appendDeadlineMs: config.APPEND_DEADLINE_MS,
        waitReplicas: config.WAIT_REPLICAS,
        backlogHigh: Math.ceil(config.BACKLOG_HIGH_EVENTS / places.length),
        memoryHighPercent: config.REDIS_MEMORY_HIGH_PERCENT,
        observe: (observed, appended) => {
          metrics.observeAppend(appended);
          countInShard?.(observed, appended);
        },
      }),
    );
  }
  const countInShard = places.length > 1 ? createShardMetrics(registry, shards) : undefined;
  const spread = new Shards(shards);
  requireShards(health, shards);

  const app = createApp({
    append: (lines) => spread.append(lines),
    refused: metrics.refused,
    retryAfterSeconds: () => spread.retryAfterSeconds,
    retentionDays: config.RETENTION_DAYS,
    health,
  });
  const server = createIngestServer(app, (error) => log.error({ err: error }, 'a defect: answered 500'));
  child?.serves(server);

  onStop('redis', () => {
    for (const { client } of shards) client.destroy();
  });
  onStop('watch', () => {
    for (const { watch } of shards) watch.stop();
  });
  onStop('appender', async () => {
    await Promise.all(shards.map((shard) => shard.drained()));
  });
  // Not awaited: ingest listens before Redis is there, answers 503 and isn't ready.
  for (const { client } of shards) {
    client.connect().catch((error: unknown) => fail('could not connect to Redis', error));
  }
  await Promise.all(shards.map(({ watch }) => watch.start()));
  const port = await listen(server, config.HOST, config.PORT);
  onStop('http', () => closeServer(server));
  onStop('health', () => health.stopping());
  log.info({ port }, 'listening');
}
