/** The stats service: rows in, answers out. Wiring only. */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Health } from '@sluice/service/health';
import { closeServer, listen, serverOptions } from '@sluice/service/http-server';
import { runService } from '@sluice/service/lifecycle';
import { throttled } from '@sluice/service/log';
import { createCount, createGauge, createRegistry, Histogram } from '@sluice/service/metrics';
import { createApp } from './app.ts';
import { statsConfig } from './config.ts';
import { connect, Database } from './database.ts';
import { DatabaseWatch } from './database-watch.ts';
import { dayFigures } from './queries.ts';
import { TOP_PATHS } from './report.ts';

const CLOSE_GRACE_S = 2;
const LOG_INTERVAL_MS = 5_000;

await runService('stats', async ({ log, onStop }) => {
  const config = statsConfig();
  log.level = config.LOG_LEVEL;
  const registry = createRegistry('stats');
  const health = new Health('stats', registry, config.SOURCE_VERSION);
  const prepare = config.PREPARED_STATEMENTS === 'on';
  const database = new Database(config.DATABASE_URL, config.CONNECTIONS, prepare);
  const askBy = () => performance.now() + config.REPORT_DEADLINE_MS;
  const watch = new DatabaseWatch({
    connect: () => connect(config.DATABASE_URL, 1, prepare),
    back: () => {
      const today = new Date().toISOString().slice(0, 10);
      void database.warmUp((sql) => dayFigures(sql, '', today, TOP_PATHS), askBy());
    },
    silent: () => {
      log.warn('Postgres does not answer; connecting anew');
      database.replace();
    },
  });
  health.require('postgres', () => watch.problem);
  health.warn('replica', () => {
    const behindS = Math.ceil(watch.stalenessS ?? 0);
    return behindS > 0 ? `reports may be ${behindS} s behind what is stored` : undefined;
  });
  createGauge(
    registry,
    'sluice_stats_staleness_seconds',
    'By how much reports from a replica may be behind what is stored; 0 on a primary.',
    () => watch.stalenessS ?? 0,
  );

  const failed = createCount(registry, 'sluice_reports_failed_total', 'Reports answered with 503.');
  const took = new Histogram({
    name: 'sluice_report_seconds',
    help: 'How long a report took.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  let lastError: unknown;
  const tell = throttled(LOG_INTERVAL_MS, (heldBack) =>
    log.warn({ err: lastError, heldBack }, 'a report failed'),
  );
  const app = createApp({
    dayFigures: (siteId, date) => database.ask((sql) => dayFigures(sql, siteId, date, TOP_PATHS), askBy()),
    deadlineMs: config.REPORT_DEADLINE_MS,
    reported: (seconds, error) => {
      took.observe(seconds);
      if (error === undefined) return;
      failed.value += 1;
      lastError = error;
      tell();
    },
    stalenessS: () => watch.stalenessS,
    health,
  });
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions }) as Server;
  onStop('postgres', () => database.close(CLOSE_GRACE_S));
  onStop('watch', () => watch.stop());
  // Not awaited: stats listens before Postgres is there, and isn't ready.
  void watch.start();
  const port = await listen(server, config.HOST, config.PORT);
  onStop('http', () => closeServer(server));
  onStop('health', () => health.stopping());
  log.info({ port }, 'listening');
});
