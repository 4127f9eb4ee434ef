/** Faults 24 and 26: entries that somebody added to the stream by hand, and dead letters that can't be kept. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { addByHand, deliveries } from '../backlog.ts';
import { sendBatch } from '../batch-send.ts';
import { sentEvent } from '../contents.ts';
import { givenSystem } from '../given-system.ts';
import { Ledger } from '../ledger.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const MEGABYTE = 1_024 * 1_024;

/** A line as ingest writes it, but for what `changed` says. */
function line(changed: Readonly<Record<string, unknown>> = {}): string {
  const [id, now] = [randomUUID(), Date.now()];
  const event = { id, site_id: 's', event_type: 't', path: '/', timestamp: now, received_at: now };
  return JSON.stringify({ ...event, ...changed });
}

/** A line with a value that JSON.stringify wouldn't write. */
function lineWith(field: string, json: string): string {
  return line({ [field]: 'HERE' }).replace('"HERE"', () => json);
}

/** What somebody added: fields of an entry by what is wrong with it. */
const POISONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no field of ours': { hello: 'world' },
  'a field __proto__': JSON.parse('{"__proto__":"{}","n":"1"}'),
  'not JSON': { n: '1', events: '{"site_id":' },
  'no object': { n: '1', events: '7' },
  'no id': { n: '1', events: line({ id: 'x' }) },
  'a NUL in a text': { n: '1', events: line({ site_id: 'a\0b' }) },
  'a NUL in the properties': { n: '1', events: line({ properties: { a: '\0' } }) },
  'a NUL between the lines': { n: '1', events: '\0' },
  'a lone surrogate in the properties': { n: '1', events: lineWith('properties', '{"a":"\\ud800"}') },
  'a lone surrogate in an indexed text': { n: '1', events: lineWith('path', '"\\udfff"') },
  // Postgres 18 stores what is 10,000 levels deep.
  'a depth of 100,000': { n: '1', events: lineWith('properties', '['.repeat(100_000) + ']'.repeat(100_000)) },
  'a time of 1e400': { n: '1', events: lineWith('timestamp', '1e400') },
  'a time that no Date holds': { n: '1', events: line({ timestamp: 9e15 }) },
  'a time of the year 275760': { n: '1', events: line({ timestamp: 8.64e15 }) },
  'a path of 10 MB': { n: '1', events: line({ path: randomUUID().repeat((10 * MEGABYTE) / 36) }) },
};

/** A bisected batch with a path of 10 MB in it is many slow statements. */
const PATIENT = { WRITE_DEADLINE_MS: '15000', CLAIM_MIN_IDLE_MS: '20000' };
const GOOD_A_POISON = 1_000;

it('fault 24: entries added by hand, one in a thousand → every good row is stored, each poison dead-lettered once', async () => {
  const system = await givenSystem({ workers: 0, env: { worker: PATIENT } });
  const poisons = Object.values(POISONS);
  const load = startLoad(system, {
    ...{ random: seededRandom(), connections: 4, count: poisons.length * GOOD_A_POISON },
    ...{ send: sendBatch, batch: 100 },
  });
  for (const [at, fields] of poisons.entries()) {
    await until('among good ones', 60_000, () =>
      load.sent > at * GOOD_A_POISON ? undefined : `${load.sent}`,
    );
    await addByHand(system.redisUrl, fields);
  }
  const goodBesideBad = await addGoodBesideBad(system);
  await load.done;
  await system.add('worker');
  const figures = await assertNothingLostOrDoubled(system, [load, goodBesideBad], { drainWithinMs: 120_000 });
  expect(figures).toMatchObject({ stored: load.acked.size + 1, deadLettered: poisons.length + 1 });
  const letters = await system.asOwner((sql) => sql`SELECT reason, times FROM dead_letters ORDER BY reason`);
  console.log(letters.map(({ reason }) => reason).join('\n'));
  expect(letters.filter(({ times }) => times !== 1)).toEqual([]);
});

/** One entry with a good line and a bad one. Nobody was told that the good one is accepted. */
async function addGoodBesideBad(system: System): Promise<Ledger> {
  const now = Date.now();
  const sent = { site_id: 's', event_type: 't', path: '/', event_id: 'by hand' };
  const ledger = new Ledger();
  ledger.record([sentEvent(sent, now)], [{ outcome: 'unknown', status: 'by hand' }], now, now);
  const events = `${line({ ...sent, timestamp: now, received_at: now })}\nbad`;
  await addByHand(system.redisUrl, { n: '2', events });
  return ledger;
}

interface Subject {
  readonly name: string;
  readonly sqlstate: string;
  readonly breaks: string;
  readonly mends: string;
}

const subjects: readonly Subject[] = [
  {
    name: 'for a while',
    sqlstate: '53100',
    breaks: `
      CREATE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;
      CREATE TRIGGER hinder BEFORE INSERT ON dead_letters EXECUTE FUNCTION hinder()`,
    mends: 'DROP TRIGGER hinder ON dead_letters',
  },
  {
    name: 'until somebody grants the right to',
    sqlstate: '42501',
    breaks: 'REVOKE INSERT ON dead_letters FROM sluice_worker',
    mends: 'GRANT INSERT ON dead_letters TO sluice_worker',
  },
];

it.each(subjects)(
  'fault 26: the dead-letter insert fails too, $name ($sqlstate) → nothing acknowledged, tried again',
  async ({ sqlstate, breaks, mends }) => {
    const system = await givenSystem({ workers: 1 });
    await system.asOwner((sql) => sql.unsafe(breaks));
    const load = startLoad(system, { random: seededRandom(), connections: 10, count: 200 });
    await load.done;
    await system.drain();
    await addByHand(system.redisUrl, { n: '1', events: line({ site_id: 'a\0b' }) });
    await system.worker.logged('the failure', ({ err }) => (err as { code?: unknown })?.code === sqlstate);
    expect(await system.backlog()).toMatchObject({ entries: 1, pending: 1 });
    expect(await deliveries(system.redisUrl)).toEqual([1]);
    expect((await system.worker.probe('/readyz')).status).toBe(503);

    await system.asOwner((sql) => sql.unsafe(mends));
    await until('dead-lettered', 20_000, async () => {
      const { entries } = await system.backlog();
      return entries === 0 ? undefined : `${entries} entries`;
    });
    const figures = await assertNothingLostOrDoubled(system, load);
    expect(figures).toMatchObject({ stored: 200, deadLettered: 1, redelivered: 0 });
  },
);
