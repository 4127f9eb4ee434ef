import { expect, it, onTestFinished } from 'vitest';
import { BusyError, Database } from './database.ts';

const WAITING_PER_CONNECTION = 32;
const SOON_MS = 60_000;

/** Never connects: the questions here don't use what they are given. */
function oneConnection(): Database {
  const database = new Database('postgres://nobody@127.0.0.1:1/none', 1);
  onTestFinished(() => database.close(0));
  return database;
}

const soon = () => performance.now() + SOON_MS;

it('asks in turn, as many at once as there are connections', async () => {
  const database = oneConnection();
  const first = Promise.withResolvers<string>();
  const asked: string[] = [];
  const answers = [
    database.ask(() => first.promise, soon()),
    database.ask(async () => asked.push('second'), soon()),
  ];
  await Promise.resolve();
  expect(asked).toEqual([]);
  first.resolve('first');
  expect(await Promise.all(answers)).toEqual(['first', 1]);
});

it('never asks what its client has given up meanwhile, and goes on with the next', async () => {
  const database = oneConnection();
  const slow = Promise.withResolvers<void>();
  const first = database.ask(() => slow.promise, soon());
  const givenUp = database.ask(() => expect.unreachable(), performance.now());
  const next = database.ask(async () => 'answer', soon());
  slow.resolve();
  await first;
  await expect(givenUp).rejects.toThrow(BusyError);
  expect(await next).toBe('answer');
});

it('goes on after a question that failed', async () => {
  const database = oneConnection();
  await expect(database.ask(() => Promise.reject(new Error('no')), soon())).rejects.toThrow('no');
  expect(await database.ask(async () => 'answer', soon())).toBe('answer');
});

it('refuses at once when too many wait', async () => {
  const database = oneConnection();
  const slow = Promise.withResolvers<void>();
  const asked = Array.from({ length: 1 + WAITING_PER_CONNECTION }, () =>
    database.ask(() => slow.promise, soon()),
  );
  await expect(database.ask(() => expect.unreachable(), soon())).rejects.toThrow(BusyError);
  slow.resolve();
  await Promise.all(asked);
});
