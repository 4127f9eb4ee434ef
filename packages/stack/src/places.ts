import { join, relative } from 'node:path';
import type { Stack } from './bring-up.ts';
import type { StartConfig } from './config.ts';

/** What a person wants to know once everything runs: where it is, and what to try. No password is among it. */
export function describePlaces(config: StartConfig, stack: Stack, now: Date = new Date()): string {
  const { ingest, workers, stats } = stack.specs;
  const at = (port: number) => `http://localhost:${port}`;
  const rows = [
    ['ingest', `${at(ingest.port)}   POST /event, /livez, /readyz, /metrics`],
    ['stats', `${at(stats.port)}   GET /stats, /livez, /readyz, /metrics`],
    ...workers.map(({ name, port }) => [name, `${at(port)}   /livez, /readyz, /metrics`]),
    ['redis', withoutPassword(stack.redisUrl)],
    [
      'postgres',
      config.databaseUrl === undefined ? psqlCommand(config, stack) : withoutPassword(stack.postgresUrl),
    ],
    ['logs', shown(join(config.dataDir, 'logs'))],
  ];
  const event = '{"site_id":"demo","event_type":"page_view","path":"/pricing","user_id":"visitor-1"}';
  return [
    '',
    ...rows.map(([name = '', place = '']) => `  ${name.padEnd(11)}${place}`),
    '',
    '  try',
    `  curl -i ${at(ingest.port)}/event -d '${event}'`,
    `  curl '${at(stats.port)}/stats?site_id=demo&date=${now.toISOString().slice(0, 10)}'`,
    '',
  ].join('\n');
}

function psqlCommand(config: StartConfig, stack: Stack): string {
  const url = new URL(stack.postgresUrl);
  const file = shown(join(config.dataDir, 'postgres', 'password'));
  return `PGPASSWORD=$(cat ${file}) psql -h ${url.hostname} -p ${url.port} -U ${url.username} ${url.pathname.slice(1)}`;
}

function withoutPassword(text: string): string {
  const url = new URL(text);
  url.password = '';
  return url.href;
}

/** As short as a person would write it, from where they are. */
function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
