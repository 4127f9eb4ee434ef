import { expect, it } from 'vitest';
import { statsConfig } from './config.ts';

it('needs nothing but the database', () => {
  expect(statsConfig({ DATABASE_URL: 'postgres://127.0.0.1/sluice' })).toMatchObject({
    LOG_LEVEL: 'info',
    HOST: '0.0.0.0',
    PORT: 8_081,
    DATABASE_URL: 'postgres://127.0.0.1/sluice',
    CONNECTIONS: 8,
    PREPARED_STATEMENTS: 'on',
    REPORT_DEADLINE_MS: 5_000,
  });
});

it('reads from STATS_DATABASE_URL where there is one, and needs no other', () => {
  const replica = 'postgres://replica/sluice';
  const both = { DATABASE_URL: 'postgres://primary/sluice', STATS_DATABASE_URL: replica };
  expect(statsConfig(both).DATABASE_URL).toBe(replica);
  expect(statsConfig({ STATS_DATABASE_URL: replica }).DATABASE_URL).toBe(replica);
  expect(() => statsConfig({ STATS_DATABASE_URL: 'replica' })).toThrow('STATS_DATABASE_URL must be a URL');
  expect(() => statsConfig({})).toThrow('DATABASE_URL is required');
});

it('names every variable that is wrong, and no value', () => {
  const env = { DATABASE_URL: 'mysql://me:secret@host', PORT: '99999', CONNECTIONS: '0' };
  const failure = (() => {
    try {
      return statsConfig(env);
    } catch (error) {
      return String(error);
    }
  })();
  for (const name of ['DATABASE_URL', 'PORT', 'CONNECTIONS']) expect(failure).toContain(name);
  expect(failure).not.toContain('secret');
});
