import postgres from 'postgres';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { type ClonedDatabase, cloneDatabase } from './template.ts';

async function clone(): Promise<ClonedDatabase> {
  const database = await cloneDatabase(inject('postgresUrl'), inject('template'));
  onTestFinished(() => database.drop());
  return database;
}

async function ask(url: string, query: string): Promise<unknown[]> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {}, connect_timeout: 5 });
  try {
    return [...(await sql.unsafe(query))].flatMap((row) => Object.values(row as object));
  } finally {
    await sql.end({ timeout: 1 });
  }
}

describe('a clone of the template', () => {
  test('has the tables, and nothing in them', async () => {
    const { url } = await clone();
    expect(await ask(url, 'SELECT count(*)::int FROM events')).toEqual([0]);
  });

  test('lets both services in by their own roles', async () => {
    const { workerUrl, statsUrl } = await clone();
    expect(await ask(workerUrl, 'SELECT current_user::text')).toEqual(['sluice_worker']);
    expect(await ask(statsUrl, 'SELECT current_user::text')).toEqual(['sluice_stats']);
  });

  test('is nobody else’s: what happens in one is not seen in another, made at the same time', async () => {
    const [one, other] = await Promise.all([clone(), clone()]);
    await ask(one.url, 'CREATE TABLE mine ()');
    expect(await ask(other.url, "SELECT to_regclass('mine')::text")).toEqual([null]);
  });

  test('goes away with whoever is still connected to it', async () => {
    const { url, drop } = await clone();
    const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {}, onclose: () => {} });
    await sql`SELECT 1`;
    await drop();
    await expect(ask(url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
    await sql.end({ timeout: 1 });
  });
});
