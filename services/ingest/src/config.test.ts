import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { ingestConfig } from './config.ts';

it.each([
  [undefined, 1],
  ['1', 1],
  ['3', 3],
  ['0', availableParallelism()],
])('WEB_CONCURRENCY %s is %i processes', (WEB_CONCURRENCY, processes) => {
  const config = ingestConfig({ REDIS_URL: 'redis://localhost', WEB_CONCURRENCY });
  expect(config.WEB_CONCURRENCY).toBe(processes);
});
