import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { databaseConfig } from './config.ts';

const DATABASE_URL = 'postgres://owner@localhost/sluice';

it('needs the URL of the database', () => {
  expect(() => databaseConfig({})).toThrow('DATABASE_URL is required');
});

it('gives the roles passwords only when it is told them', () => {
  expect(databaseConfig({ DATABASE_URL }).passwords).toBeUndefined();
  expect(databaseConfig({ DATABASE_URL, WORKER_PASSWORD: 'w', STATS_PASSWORD: 's' }).passwords).toEqual({
    sluice_worker: 'w',
    sluice_stats: 's',
  });
});

it('says which of the two passwords is missing', () => {
  expect(() => databaseConfig({ DATABASE_URL, WORKER_PASSWORD: 'w' })).toThrow('STATS_PASSWORD is required');
  expect(() => databaseConfig({ DATABASE_URL, STATS_PASSWORD: 's' })).toThrow('WORKER_PASSWORD is required');
});

it('reads secrets from files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-db-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'database-url');
  writeFileSync(file, `${DATABASE_URL}\n`);
  expect(databaseConfig({ DATABASE_URL_FILE: file }).databaseUrl).toBe(DATABASE_URL);
  expect(() => databaseConfig({ DATABASE_URL_FILE: `${file}.gone` })).toThrow(
    "DATABASE_URL_FILE can't be read (ENOENT)",
  );
});
