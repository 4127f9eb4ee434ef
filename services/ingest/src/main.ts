/** The ingest service: HTTP in, stream entries out. Wiring only. */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { createStreamClient, streamKeys } from '@sluice/event/stream';
import { Health } from '@sluice/service/health';
import { closeServer, listen, serverOptions } from '@sluice/service/http-server';
import { runService } from '@sluice/service/lifecycle';
import { createRegistry } from '@sluice/service/metrics';
import { createApp } from './app.ts';
import { Appender } from './appender.ts';
import { ingestConfig } from './config.ts';
import { Gate } from './gate.ts';
import { createIngestMetrics } from './ingest-metrics.ts';
import { RedisWatch } from './redis-watch.ts';

/** A Redis that says nothing for so long is taken for dead; it is asked four times meanwhile. */
const REDIS_SILENCE_MS = 2_000;
const REDIS_PING_MS = 500;

await runService('ingest', async ({ log, fail, onStop }) => {
  const config = ingestConfig();
  log.level = config.LOG_LEVEL;
  const registry = createRegistry('ingest');
  const health = new Health('ingest', registry, config.SOURCE_VERSION);
  const keys = streamKeys(config.STREAM_KEY);
  const gate = new Gate({
    backlogHigh: config.BACKLOG_HIGH_EVENTS,
    memoryHighPercent: config.REDIS_MEMORY_HIGH_PERCENT,
  });
  const client = createStreamClient({
    url: config.REDIS_URL,
    name: 'sluice-ingest',
    socketTimeoutMs: REDIS_SILENCE_MS,
    pingIntervalMs: REDIS_PING_MS,
  });
  const watch = new RedisWatch(client, keys, log, (state) => {
    gate.observeBacklog(state.accepted, state.settled, Date.now());
    gate.observeMemory(state.memoryPercent);
  });
  const metrics = createIngestMetrics(registry, log, gate, watch);
  const appender = new Appender({
    append: (entries) => client.append(keys, gate.limit, entries),
    deadlineMs: config.APPEND_DEADLINE_MS,
    observe: metrics.observeAppend,
  });
  client.on('error', metrics.redisError);
  client.on('ready', () => log.info('connected to Redis'));
  client.on('terminated', (error) => fail('Redis refused the connection for good', error));
  health.require('redis', () => watch.problem);
  health.require('room', () => gate.closed);
  health.warn('durability', () => watch.state?.risks.join('; ') || undefined);

  const app = createApp({
    append: (lines) => {
      if (!client.isReady) return Promise.resolve('unavailable');
      return gate.closed === undefined ? appender.add(lines) : Promise.resolve('backlog_full');
    },
    refused: metrics.refused,
    retryAfterSeconds: () => gate.retryAfterSeconds,
    retentionDays: config.RETENTION_DAYS,
    health,
  });
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions }) as Server;

  onStop('redis', () => client.destroy());
  onStop('watch', () => watch.stop());
  onStop('appender', () => appender.drained());
  // Not awaited: ingest listens before Redis is there, answers 503 and isn't ready.
  client.connect().catch((error: unknown) => fail('could not connect to Redis', error));
  await watch.start();
  const port = await listen(server, config.HOST, config.PORT);
  onStop('http', () => closeServer(server));
  onStop('health', () => health.stopping());
  log.info({ port }, 'listening');
});
