import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigError, integer, oneOf, port, readConfig, serverUrl, serviceEntries, text } from './config.ts';

const schema = v.object({
  ...serviceEntries,
  PORT: port(8_080),
  REDIS_URL: serverUrl('redis:', 'rediss:'),
  DATABASE_URL: serverUrl('postgres:'),
  WAIT_MS: integer(1_500, 50, 60_000),
  MODE: oneOf('fast', ['fast', 'safe']),
  STREAM_KEY: text('sluice:events'),
});
const VALID = { REDIS_URL: 'redis://localhost:6379', DATABASE_URL: 'postgres://localhost/sluice' };

const read = (env: Record<string, string | undefined>) => readConfig(schema, { ...VALID, ...env });

/** What is wrong with `env`, one sentence a problem. */
function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    read(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function fileWith(content: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'secret'), content);
  return join(dir, 'secret');
}

describe('settings', () => {
  it('have their defaults, also where a variable is empty', () => {
    const settings = {
      ...VALID,
      LOG_LEVEL: 'info',
      SOURCE_VERSION: 'dev',
      PORT: 8_080,
      WAIT_MS: 1_500,
      MODE: 'fast',
      STREAM_KEY: 'sluice:events',
    };
    expect(read({})).toEqual(settings);
    expect(read({ LOG_LEVEL: '', PORT: '', WAIT_MS: '', MODE: '', STREAM_KEY: '' })).toEqual(settings);
  });

  it('are taken from the environment, and nothing else is', () => {
    expect(read({ PORT: '0', MODE: 'safe', LOG_LEVEL: 'debug', HOME: '/root' })).toMatchObject({
      PORT: 0,
      MODE: 'safe',
      LOG_LEVEL: 'debug',
    });
    expect(read({ HOME: '/root' })).not.toHaveProperty('HOME');
  });

  it('are refused with all problems at once, one line each', () => {
    const env = {
      REDIS_URL: '',
      DATABASE_URL: 'mysql://localhost',
      PORT: '65536',
      MODE: 'slow',
      LOG_LEVEL: 'x',
    };
    expect(() => read(env)).toThrow(
      [
        'wrong settings:',
        '  LOG_LEVEL must be one of debug, info, warn, error',
        '  PORT must be a whole number from 0 to 65535',
        '  REDIS_URL is required',
        '  DATABASE_URL must be a URL starting with postgres://',
        '  MODE must be one of fast, safe',
      ].join('\n'),
    );
  });

  it('never show a value in what they say', () => {
    const env = Object.fromEntries(
      Object.keys(schema.entries).map((name) => [name, `hunter2 ${'x'.repeat(200)}`]),
    );
    const problems = problemsOf(env);
    expect(problems).toHaveLength(Object.keys(schema.entries).length);
    expect(problems.join()).not.toContain('hunter2');
  });
});

describe('NAME_FILE', () => {
  it('holds the value, without the newline at its end, and wins over NAME', () => {
    const REDIS_URL_FILE = fileWith('rediss://:secret@redis:6379\n');
    expect(read({ REDIS_URL_FILE, REDIS_URL: 'redis://other' }).REDIS_URL).toBe(
      'rediss://:secret@redis:6379',
    );
    expect(readConfig(schema, { ...VALID, REDIS_URL: undefined, REDIS_URL_FILE }).REDIS_URL).toContain(
      'rediss:',
    );
  });

  it('counts as absent when it is empty', () => {
    expect(read({ REDIS_URL_FILE: '' }).REDIS_URL).toBe(VALID.REDIS_URL);
  });

  it('that cannot be read is one problem, in the words of the variable that is wrong', () => {
    const problem = "REDIS_URL_FILE can't be read (ENOENT)";
    expect(problemsOf({ REDIS_URL_FILE: '/no/such/secret' })).toEqual([problem]);
    expect(problemsOf({ PORT_FILE: '/no/such/port' })).toEqual(["PORT_FILE can't be read (ENOENT)"]);
  });

  it('with nothing in it leaves a required setting missing', () => {
    expect(problemsOf({ REDIS_URL_FILE: fileWith('\n') })).toEqual(['REDIS_URL is required']);
  });
});

describe('a setting', () => {
  it.each(['50', '60000', '050'])('may be a whole number within its bounds: %s', (WAIT_MS) => {
    expect(read({ WAIT_MS }).WAIT_MS).toBe(Number(WAIT_MS));
  });

  it.each(['49', '60001', '-1', '1.5', '1e3', '0x50', ' 100', '100 ', '1_000', 'ten', '9'.repeat(16)])(
    'must be a whole number within its bounds, not %j',
    (WAIT_MS) => {
      expect(problemsOf({ WAIT_MS })).toEqual(['WAIT_MS must be a whole number from 50 to 60000']);
    },
  );

  it.each(['localhost:6379', 'redis', 'http://localhost', '//localhost', 'redis//x'])(
    'must be a URL of its protocols, not %s',
    (REDIS_URL) => {
      expect(problemsOf({ REDIS_URL })).toEqual([
        'REDIS_URL must be a URL starting with redis:// or rediss://',
      ]);
    },
  );

  it('may be a text of 200 characters and no more', () => {
    expect(read({ STREAM_KEY: 'k'.repeat(200) }).STREAM_KEY).toHaveLength(200);
    expect(problemsOf({ STREAM_KEY: 'k'.repeat(201) })).toEqual([
      'STREAM_KEY must have at most 200 characters',
    ]);
  });
});
