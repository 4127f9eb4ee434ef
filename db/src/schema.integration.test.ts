import { expect, it } from 'vitest';
import { ownDatabase } from './testing/own-database.ts';

/** Relations of public that a reader meets; partitions are explained by their parent. */
const RELATIONS = `SELECT oid, relname FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition`;

it('every table has a comment', async () => {
  const { owner } = await ownDatabase();
  const silent = await owner.unsafe(
    `SELECT relname FROM (${RELATIONS}) AS r WHERE obj_description(oid, 'pg_class') IS NULL`,
  );
  expect(silent).toEqual([]);
});

it('every column has a comment', async () => {
  const { owner } = await ownDatabase();
  const silent = await owner.unsafe(`SELECT relname, attname FROM (${RELATIONS}) AS r
    JOIN pg_attribute ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped
    WHERE col_description(r.oid, attnum) IS NULL`);
  expect(silent).toEqual([]);
});

it('every function, trigger and index that is no constraint has a comment', async () => {
  const { owner } = await ownDatabase();
  const silent = await owner.unsafe(`
    SELECT proname AS name FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
    UNION ALL SELECT tgname FROM pg_trigger JOIN (${RELATIONS}) AS r ON tgrelid = r.oid
      WHERE NOT tgisinternal AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL
    UNION ALL SELECT indexrelid::regclass::text FROM pg_index JOIN (${RELATIONS}) AS r ON indrelid = r.oid
      WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        AND obj_description(indexrelid, 'pg_class') IS NULL`);
  expect(silent).toEqual([]);
});
