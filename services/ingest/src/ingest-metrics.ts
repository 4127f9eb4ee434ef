/** What ingest counts, and what it says in its log about Redis. */
import { type Log, throttled } from '@sluice/service/log';
import { createCount, createGauge, createTally, Histogram, type Registry } from '@sluice/service/metrics';
import { REFUSALS, type RefusalReason } from './accept.ts';
import type { ObservedAppend } from './appender.ts';
import type { Gate } from './gate.ts';
import type { RedisWatch } from './redis-watch.ts';

/** At most one line about Redis' absence in so long, however many requests meet it. */
const LOG_INTERVAL_MS = 5_000;

export function createIngestMetrics(registry: Registry, log: Log, gate: Gate, watch: RedisWatch) {
  const accepted = createCount(
    registry,
    'sluice_accepted_events_total',
    'Events answered with success: on disk in Redis.',
  );
  const refusals = createTally(registry, 'sluice_refused_total', 'Events refused, by reason.', REFUSALS);
  const seconds = new Histogram({
    name: 'sluice_append_seconds',
    help: 'How long an append to the stream took.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [registry],
  });
  const size = new Histogram({
    name: 'sluice_append_events',
    help: 'Events that shared one append.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000],
    registers: [registry],
  });
  createGauge(registry, 'sluice_backlog_events', 'Events accepted and not settled yet.', () => gate.backlog);
  createGauge(
    registry,
    'sluice_redis_memory_percent',
    'Redis memory in percent of maxmemory.',
    () => watch.state?.memoryPercent ?? 0,
  );
  createGauge(
    registry,
    'sluice_lost_events',
    'Events that vanished from the stream after they were accepted, ever.',
    () => watch.state?.lost ?? 0,
  );
  createGauge(
    registry,
    'sluice_forgotten_events',
    'Events that Redis had accepted and then did not know of: emptied, or replaced by an older copy.',
    () => watch.state?.forgotten ?? 0,
  );
  createGauge(
    registry,
    'sluice_durability_risks',
    'Redis settings under which accepted events can be lost.',
    () => watch.state?.risks.length ?? 0,
  );

  let lastError: unknown;
  const tell = throttled(LOG_INTERVAL_MS, (heldBack) =>
    log.warn({ err: lastError, heldBack }, 'trouble with Redis'),
  );
  const redisError = (error: unknown): void => {
    lastError = error;
    tell();
  };
  return {
    redisError,
    refused: (reason: RefusalReason, events: number): void => {
      refusals[reason] += events;
    },
    observeAppend: ({ reply, error, events, seconds: took }: ObservedAppend): void => {
      seconds.observe(took);
      size.observe(events);
      if (reply === undefined) {
        redisError(error);
        return;
      }
      gate.observeBacklog(reply.accepted, reply.settled, Date.now());
      watch.sawAccepted(reply.accepted);
      if (reply.added) accepted.value += events;
      else gate.full();
    },
  };
}
