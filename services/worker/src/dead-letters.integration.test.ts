import { describe, expect, it, vi } from 'vitest';
import { type DeadLetter, DeadLetters } from './dead-letters.ts';
import { connectedTo, lettersIn, revoke, workerDatabase } from './testing/database.ts';

const database = workerDatabase();

/** Keeps letters as the worker's role. */
function keeper() {
  const kept = vi.fn<(letters: readonly DeadLetter[]) => void>();
  const letters = new DeadLetters(connectedTo(database().workerUrl), kept);
  return { kept, keep: (...given: DeadLetter[]) => letters.keep(given) };
}

const POISON: DeadLetter = { payload: 'poison', reason: 'not JSON', entryId: '1-0' };

describe('a dead letter', () => {
  it('is kept with its reason and where it came from', async () => {
    const { keep, kept } = keeper();
    const refused: DeadLetter = { payload: '{"a":"é😀"}', reason: 'no', sqlstate: '22021' };
    await keep(POISON, refused);
    expect(await lettersIn(database())).toEqual([
      { payload: 'poison', reason: 'not JSON', sqlstate: null, entry_id: '1-0', times: 1 },
      { payload: '{"a":"é😀"}', reason: 'no', sqlstate: '22021', entry_id: null, times: 1 },
    ]);
    expect(kept).toHaveBeenCalledExactlyOnceWith([POISON, refused]);
  });

  it('whose payload was seen before is the same letter, seen once more', async () => {
    const { keep } = keeper();
    await keep(POISON);
    const [before] = await database().sql`SELECT first_seen, last_seen FROM dead_letters`;
    await keep({ ...POISON, entryId: '2-0' });
    expect(await lettersIn(database())).toMatchObject([{ payload: 'poison', entry_id: '2-0', times: 2 }]);
    const [after] = await database().sql`SELECT first_seen, last_seen FROM dead_letters`;
    expect(after?.['first_seen']).toEqual(before?.['first_seen']);
    expect(after?.['last_seen']).not.toEqual(before?.['last_seen']);
  });

  it('keeps the entry that it was seen in when it is seen without one', async () => {
    const { keep } = keeper();
    await keep(POISON);
    await keep({ payload: 'poison', reason: 'not JSON' });
    expect(await lettersIn(database())).toMatchObject([{ entry_id: '1-0', times: 2 }]);
  });

  it('that two workers keep at once is one letter, seen twice', async () => {
    await Promise.all([keeper().keep(POISON), keeper().keep(POISON)]);
    expect(await lettersIn(database())).toMatchObject([{ times: 2 }]);
  });

  it.each([
    ['a NUL', 'a\0b', Buffer.from('a\0b')],
    ['what Postgres takes for an escape', '\\x00\\000', Buffer.from('\\x00\\000')],
    ['half a surrogate pair, which no UTF-8 can hold', 'a\ud83db', Buffer.from('a\ufffdb')],
    ['nothing', '', Buffer.alloc(0)],
    ['ten megabytes', 'x'.repeat(10_000_000), Buffer.alloc(10_000_000, 'x')],
  ])('holds its payload byte for byte: %s', async (_, payload, bytes) => {
    const { keep } = keeper();
    await keep({ payload, reason: 'no' });
    const [row] = await database().sql<{ payload: Buffer; right: boolean }[]>`
      SELECT payload, fingerprint = sha256(payload) AS "right" FROM dead_letters`;
    expect(row?.right).toBe(true);
    expect(row !== undefined && bytes.equals(row.payload)).toBe(true);
  });

  it('has a reason that can be printed and ends', async () => {
    const { keep } = keeper();
    await keep({ payload: 'a', reason: `a\0b\ud83d ${'x'.repeat(1_000)}` });
    await keep({ payload: 'b', reason: `${'x'.repeat(499)}😀` });
    const reasons = (await lettersIn(database())).map(({ reason }) => reason);
    expect(reasons).toEqual([`ab\ufffd ${'x'.repeat(496)}`, `${'x'.repeat(499)}\ufffd`]);
  });
});

it('nobody is told of letters that could not be kept', async () => {
  const { keep, kept } = keeper();
  await keep();
  await revoke(database(), 'INSERT ON dead_letters');
  await expect(keep(POISON)).rejects.toMatchObject({ code: '42501' });
  expect(kept).not.toHaveBeenCalled();
});
