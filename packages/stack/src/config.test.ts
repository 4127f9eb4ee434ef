import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Arguments, readArguments, type StartConfig } from './config.ts';

function started(result: Arguments): StartConfig {
  if (result.kind !== 'start') throw new Error(JSON.stringify(result));
  return result.config;
}

function problems(result: Arguments): string[] {
  return result.kind === 'wrong' ? result.problems : [];
}

describe('readArguments', () => {
  test('without anything gives the conventional ports, two workers and servers of our own', () => {
    expect(started(readArguments([], {}))).toMatchObject({
      port: 8080,
      statsPort: 8081,
      workers: 2,
      redisUrl: undefined,
      databaseUrl: undefined,
    });
  });

  test('keeps its data in the project, wherever it is called from', () => {
    const config = started(readArguments([], {}));
    expect(config.dataDir).toBe(resolve(config.projectDir, '.data'));
  });

  test('reads every option from the environment', () => {
    const environment = {
      PORT: '1',
      STATS_PORT: '2',
      WORKERS: '3',
      REDIS_URL: 'redis://r',
      DATABASE_URL: 'postgres://p/d',
      DATA_DIR: '/data',
    };
    expect(started(readArguments([], environment))).toMatchObject({
      port: 1,
      statsPort: 2,
      workers: 3,
      redisUrl: 'redis://r',
      databaseUrl: 'postgres://p/d',
      dataDir: '/data',
    });
  });

  test('takes a flag over its variable, in both spellings and behind a separator', () => {
    const environment = { PORT: '1', WORKERS: '3' };
    expect(started(readArguments(['--', '--port', '5', '--workers=0'], environment))).toMatchObject({
      port: 5,
      workers: 0,
    });
  });

  test('takes an empty variable for an absent one', () => {
    expect(started(readArguments([], { PORT: '', REDIS_URL: '', DATA_DIR: '' }))).toMatchObject({
      port: 8080,
      redisUrl: undefined,
    });
  });

  test('reports all problems at once, naming variable and flag', () => {
    const result = problems(readArguments(['--workers', '65'], { PORT: '0', REDIS_URL: 'http://x' }));
    expect(result).toHaveLength(3);
    expect(result[0]).toContain('PORT (--port)');
    expect(result[1]).toContain('WORKERS (--workers)');
    expect(result[2]).toContain('REDIS_URL (--redis-url)');
  });

  test.each(['8080x', '-1', '1e3', '65536', ' '])('refuses the port "%s"', (port) => {
    expect(problems(readArguments([], { PORT: port }))).toHaveLength(1);
  });

  test('refuses one port for two services', () => {
    expect(problems(readArguments(['--port', '8081'], {}))).toEqual([
      'PORT (--port) and STATS_PORT (--stats-port) are both 8081',
    ]);
  });

  test('does not repeat a URL that it refuses, which may hold a password', () => {
    expect(problems(readArguments(['--database-url', 'mysql://u:secret@h'], {})).join()).not.toContain(
      'secret',
    );
  });

  test('refuses an option that it does not know', () => {
    expect(problems(readArguments(['--prot', '1'], {}))[0]).toContain('--prot');
  });

  test('explains every option when it is asked for help', () => {
    const result = readArguments(['--help'], {});
    const text = result.kind === 'help' ? result.text : '';
    for (const name of [
      'PORT',
      'STATS_PORT',
      'WORKERS',
      'REDIS_URL',
      'DATABASE_URL',
      'DATA_DIR',
      '--watch',
      'WEB_CONCURRENCY',
      '--help',
    ]) {
      expect(text).toContain(name);
    }
  });
});
