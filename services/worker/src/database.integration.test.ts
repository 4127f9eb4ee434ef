import { DeadlineError } from '@sluice/service/deadline';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { connectedTo, frozenCopy, workerDatabase } from './testing/database.ts';

const COPY = 'COPY probe FROM STDIN';
/** Far above what the sockets and the driver hold between them, so that the client waits for the server. */
const MANY_ROWS = 200_000;
const PART_BYTES = 256 * 1_024;
const LOCK = 4_711;

const database = workerDatabase();
const owner = () => database().sql;
beforeEach(async () => {
  // Each test changes its table as it likes; none needs those of the schema.
  await owner().unsafe(`
    DROP SCHEMA public CASCADE;
    CREATE SCHEMA public;
    CREATE TABLE probe (id text, word text)`);
});

const rowsOf = (count: number, word = 'word') =>
  Array.from({ length: count }, (_, at) => `${at}\t${word}\n`).join('');

const countOf = async () => {
  const [row] = await owner()<{ count: number }[]>`SELECT count(*)::int AS count FROM probe`;
  return row?.count;
};

/** Makes every COPY into the table wait in its row `id` until the lock is let go. @returns what lets go. */
async function stopAtRow(id: number): Promise<() => Promise<void>> {
  await owner().unsafe(`
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(${LOCK}); RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON probe FOR EACH ROW WHEN (NEW.id = '${id}') EXECUTE FUNCTION wait()`);
  const holder = await owner().reserve();
  await holder`SELECT pg_advisory_lock(${LOCK})`;
  return async () => {
    await holder`SELECT pg_advisory_unlock(${LOCK})`;
    holder.release();
  };
}

/** The process id of the worker's backend, once it waits for a lock. */
const waitingBackend = () =>
  vi.waitFor(async () => {
    const [row] = await owner()<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'sluice-worker' AND wait_event_type = 'Lock'`;
    if (row === undefined) throw new Error('nothing waits for a lock');
    return row.pid;
  }, 10_000);

/** A COPY's data as it is sent. */
function* partsOf(rows: string): Generator<Buffer> {
  const bytes = Buffer.from(rows);
  for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
}

/** What the promise was rejected with. */
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a COPY', () => {
  it('resolves with the number of its rows, which are committed then', async () => {
    const worker = connectedTo(database().url);
    expect(await worker.copy(COPY, partsOf(rowsOf(3)))).toBe(3);
    expect(await countOf()).toBe(3);
    expect(await worker.copy(COPY, partsOf(''))).toBe(0);
  });

  it('of many megabytes arrives whole, characters of four bytes included', async () => {
    const worker = connectedTo(database().url);
    // An odd number of bytes in front, so that the cuts between its parts fall into characters.
    expect(await worker.copy(COPY, partsOf(`x\t${'😀'.repeat(2_000_000)}\n`))).toBe(1);
    const [row] = await owner()`SELECT length(word) AS length, replace(word, '😀', '') AS rest FROM probe`;
    expect(row).toEqual({ length: 2_000_000, rest: '' });
  });

  it.each([
    [
      'in its last row',
      '22P02',
      `ALTER TABLE probe ALTER id TYPE integer USING id::integer`,
      `${rowsOf(10)}x\tword\n`,
    ],
    [
      'in its first row, with more to come',
      '23514',
      `ALTER TABLE probe ADD CHECK (id <> '0')`,
      rowsOf(MANY_ROWS),
    ],
    [
      'after its last row',
      'P0001',
      `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
       CREATE TRIGGER fail AFTER INSERT ON probe FOR EACH STATEMENT EXECUTE FUNCTION fail()`,
      rowsOf(10),
    ],
    [
      'at its commit',
      '23505',
      `ALTER TABLE probe ADD UNIQUE (word) DEFERRABLE INITIALLY DEFERRED`,
      rowsOf(10),
    ],
    ['before its first row', '42P01', `ALTER TABLE probe RENAME TO other`, rowsOf(10)],
  ])(
    'that fails %s rejects with what the server said, and the next statement works',
    async (_, code, ddl, rows) => {
      await owner().unsafe(ddl);
      const worker = connectedTo(database().url, { connections: 1 });
      expect(await rejection(worker.copy(COPY, partsOf(rows)))).toMatchObject({ code, severity: 'ERROR' });
      expect(await worker.run('SELECT 1')).toBe(1);
      await owner()`CREATE TABLE good (id text)`;
      expect(await worker.copy('COPY good FROM STDIN', partsOf('1\n2\n'))).toBe(2);
    },
  );

  it('whose rows can’t all be made stores none of them and rejects with the reason', async () => {
    const worker = connectedTo(database().url, { connections: 1 });
    const reason = new Error('no more rows');
    function* broken() {
      yield* partsOf(rowsOf(MANY_ROWS));
      throw reason;
    }
    expect(await rejection(worker.copy(COPY, broken()))).toBe(reason);
    expect(await countOf()).toBe(0);
    expect(await worker.copy(COPY, partsOf(rowsOf(3)))).toBe(3);
  });

  it.each([
    ['has sent all of it', 3],
    ['is still sending', MANY_ROWS],
  ])('whose backend is terminated when it %s rejects, and the next one works', async (_, rows) => {
    const letGo = await stopAtRow(1);
    const worker = connectedTo(database().url, { connections: 1 });
    const copying = rejection(worker.copy(COPY, partsOf(rowsOf(rows))));
    await owner()`SELECT pg_terminate_backend(${await waitingBackend()})`;
    expect(await copying).toBeInstanceOf(Error);
    expect(await countOf()).toBe(0);
    await letGo();
    // The first statement on a connection that was killed may still be told so.
    await vi.waitFor(async () => expect(await worker.copy(COPY, partsOf(rowsOf(3)))).toBe(3), 10_000);
    expect(await countOf()).toBe(3);
  });

  it('whose backend is terminated before it took a row rejects, too', async () => {
    const holder = await owner().reserve();
    await holder`BEGIN`;
    await holder`LOCK TABLE probe`;
    const worker = connectedTo(database().url, { connections: 1 });
    const copying = rejection(worker.copy(COPY, partsOf(rowsOf(3))));
    await owner()`SELECT pg_terminate_backend(${await waitingBackend()})`;
    expect(await copying).toBeInstanceOf(Error);
    await holder`ROLLBACK`;
    holder.release();
    await vi.waitFor(async () => expect(await worker.copy(COPY, partsOf(rowsOf(3)))).toBe(3), 10_000);
  });
});

describe('a statement', () => {
  it('resolves with the number of rows that it touched', async () => {
    const worker = connectedTo(database().url);
    const insert = 'INSERT INTO probe SELECT generate_series(1, $1::int), $2';
    expect(await worker.run(insert, ['5', `it's; "quoted"`])).toBe(5);
    expect(await worker.run('SELECT 1 WHERE false')).toBe(0);
  });

  it('on a connection whose backend was terminated while idle may fail once, and then works', async () => {
    const worker = connectedTo(database().url, { connections: 1 });
    await worker.run('SELECT 1');
    await owner()`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'sluice-worker'`;
    await vi.waitFor(async () => expect(await worker.run('SELECT 1')).toBe(1), 10_000);
  });

  it('finds a Postgres that refused it at first', async () => {
    const worker = connectedTo(database().workerUrl, { connections: 1 });
    const limitTo = (connections: number) =>
      owner().unsafe(`ALTER DATABASE ${database().name} CONNECTION LIMIT ${connections}`);
    await limitTo(0);
    expect(await rejection(worker.run('SELECT 1'))).toMatchObject({ code: '53300' });
    await limitTo(-1);
    await vi.waitFor(async () => expect(await worker.run('SELECT 1')).toBe(1), 10_000);
  });
});

describe('the deadline', () => {
  it.each([
    ['a COPY', 'COPY'],
    ['a statement', 'INSERT'],
  ])('of %s that waits too long calls `stuck` and rejects', async (what, kind) => {
    const letGo = await stopAtRow(1);
    const stuck = vi.fn();
    const worker = connectedTo(database().url, { deadlineMs: 300, stuck });
    const waiting =
      kind === 'COPY'
        ? worker.copy(COPY, partsOf(rowsOf(3)))
        : worker.run(`INSERT INTO probe VALUES ('1', 'word')`);
    const error = await rejection(waiting);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(String(error)).toContain(`${what} took longer than 300 ms`);
    expect(stuck).toHaveBeenCalledExactlyOnceWith(error);
    await letGo();
  });

  it('is nobody’s concern when a statement fails in time', async () => {
    const stuck = vi.fn();
    const worker = connectedTo(database().url, { stuck });
    expect(await rejection(worker.run('nonsense'))).toMatchObject({ code: '42601' });
    expect(stuck).not.toHaveBeenCalled();
  });
});

describe('endStalledCopies', () => {
  const copiesUnderWay = async () => {
    const [row] = await owner()<{ count: number }[]>`SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND query = ${COPY} AND state = 'active'`;
    return row?.count;
  };

  it('ends those of its role that said nothing for the deadline, and no others', async () => {
    const { url, workerUrl } = database();
    await owner()`GRANT USAGE ON SCHEMA public TO sluice_worker`;
    await owner()`GRANT INSERT ON probe TO sluice_worker`;
    const row = '1\tword\n';
    const [stalled] = [
      await frozenCopy(workerUrl, COPY, partsOf(row)),
      await frozenCopy(url, COPY, partsOf(row)),
    ];
    await vi.waitFor(async () => expect(await copiesUnderWay()).toBe(2));
    const patient = connectedTo(workerUrl, { deadlineMs: 60_000 });
    expect(await patient.endStalledCopies()).toBe(0);
    const worker = connectedTo(workerUrl, { deadlineMs: 200 });
    await vi.waitFor(async () => expect(await worker.endStalledCopies()).toBe(1), 10_000);
    expect(await stalled.ended).toBeInstanceOf(Error);
    expect(await worker.endStalledCopies()).toBe(0);
    expect(await copiesUnderWay()).toBe(1);
  });
});
