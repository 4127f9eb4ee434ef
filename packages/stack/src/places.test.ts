import { describe, expect, test } from 'vitest';
import { readArguments, type StartConfig } from './config.ts';
import { describePlaces } from './places.ts';

function config(flags: string[]): StartConfig {
  const result = readArguments(flags, {});
  if (result.kind !== 'start') throw new Error(JSON.stringify(result));
  return result.config;
}

function spec(name: string, port: number) {
  return { name, port, entry: '', env: {} };
}

const stack = {
  specs: { ingest: spec('ingest', 1001), stats: spec('stats', 1002), workers: [spec('worker-1', 1003)] },
  redisUrl: 'redis://:hush@127.0.0.1:1004',
  postgresUrl: 'postgres://sluice:hush@127.0.0.1:1005/sluice',
};

describe('what is printed once everything runs', () => {
  test('names the port of every process and server', () => {
    const text = describePlaces(config([]), stack);
    for (const port of [1001, 1002, 1003, 1004, 1005]) expect(text).toContain(String(port));
  });

  test('has a curl to send with and one to ask with, of the UTC day', () => {
    const text = describePlaces(config([]), stack, new Date('2026-01-02T23:59:59Z'));
    expect(text).toContain('curl -i http://localhost:1001/event');
    expect(text).toContain("curl 'http://localhost:1002/stats?site_id=demo&date=2026-01-02'");
  });

  test.each([[[]], [['--database-url', stack.postgresUrl]]])('has no password in it (%j)', (flags) => {
    expect(describePlaces(config(flags), stack)).not.toContain('hush');
  });
});
