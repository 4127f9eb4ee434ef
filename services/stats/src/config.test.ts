import { expect, it } from 'vitest';
import { statsConfig } from './config.ts';

it('needs nothing but the database', () => {
  expect(statsConfig({ DATABASE_URL: 'postgres://127.0.0.1/sluice' })).toMatchObject({
    LOG_LEVEL: 'info',
    HOST: '0.0.0.0',
    PORT: 8_081,
    DATABASE_URL: 'postgres://127.0.0.1/sluice',
    CONNECTIONS: 8,
    REPORT_DEADLINE_MS: 5_000,
  });
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
