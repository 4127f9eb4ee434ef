import { describe, expect, it } from 'vitest';
import { createEvent, type SentEvent } from './contents.ts';
import { compare } from './invariants.ts';
import { type Answer, Ledger } from './ledger.ts';
import { Random } from './seed.ts';
import type { Stored, StoredRow } from './stored.ts';

/** Now, since the events' own times are near it, and one ahead of its receipt is stored as that. */
const SENT_AT = Date.now();
const ACKED: Answer = { outcome: 'acked', status: 204 };
const UNKNOWN: Answer = { outcome: 'unknown', status: 503 };
const REFUSED: Answer = { outcome: 'refused', status: 400 };

const random = new Random(7);
const events = Array.from({ length: 200 }, (_, at) => createEvent(random, 'run', at));
const [first, second] = events as [SentEvent, SentEvent];

function ledgerOf(...answered: readonly (readonly [SentEvent, Answer])[]): Ledger {
  const ledger = new Ledger();
  for (const [event, answer] of answered) ledger.record([event], [answer], SENT_AT, SENT_AT + 10);
  return ledger;
}

function rowOf({ expected }: SentEvent): StoredRow {
  const timestamp = expected.timestamp === 'receipt' ? SENT_AT + 5 : expected.timestamp;
  return { ...expected, id: '0', timestamp, receivedAt: SENT_AT + 5 };
}

function storedOf(...rows: readonly StoredRow[]): Stored {
  return { rows, deadLetters: [] };
}

const broken = (ledger: Ledger, stored: Stored, acceptedByRedis?: number) =>
  compare([ledger], stored, acceptedByRedis).map(({ invariant }) => invariant);

describe('the oracle is content', () => {
  it('when everything acked is stored as it was sent', () => {
    const all = events.map((event) => [event, ACKED] as const);
    expect(compare([ledgerOf(...all)], storedOf(...events.map(rowOf)), events.length)).toEqual([]);
  });

  it('whether or not an unknown event is stored', () => {
    const ledger = ledgerOf([first, UNKNOWN], [second, UNKNOWN]);
    expect(broken(ledger, storedOf(rowOf(first)))).toEqual([]);
  });

  it('when an acked event is a dead letter', () => {
    const id = first.expected.texts['event_id'] as string;
    const stored = { rows: [], deadLetters: [{ reason: 'no room', eventIds: [id] }] };
    expect(broken(ledgerOf([first, ACKED]), stored)).toEqual([]);
  });

  it('when an unknown event was acked at its second attempt', () => {
    const ledger = ledgerOf([first, UNKNOWN], [first, ACKED]);
    expect(ledger.unknown.size).toBe(0);
    expect(broken(ledger, storedOf(rowOf(first)))).toEqual([]);
  });
});

describe('the oracle objects', () => {
  it('I1, when an acked event is nowhere', () => {
    expect(broken(ledgerOf([first, ACKED], [second, ACKED]), storedOf(rowOf(first)))).toEqual(['I1']);
  });

  it('I2, when a row was never sent, or was refused', () => {
    expect(broken(ledgerOf([first, REFUSED]), storedOf(rowOf(first), rowOf(second)))).toEqual(['I2']);
  });

  it('I3, when an event is stored twice, or stored and dead-lettered', () => {
    const ledger = ledgerOf([first, ACKED]);
    expect(broken(ledger, storedOf(rowOf(first), rowOf(first)))).toEqual(['I3']);
    const id = first.expected.texts['event_id'] as string;
    const both = { rows: [rowOf(first)], deadLetters: [{ reason: 'x', eventIds: [id] }] };
    expect(broken(ledger, both)).toEqual(['I3']);
  });

  it('I4, when any field of a row differs', () => {
    const row = rowOf(first);
    const spoiled: StoredRow[] = [
      { ...row, path: `${row.path}x` },
      { ...row, site_id: 'another' },
      { ...row, timestamp: row.timestamp + 1 },
      { ...row, receivedAt: SENT_AT - 1_000 },
      { ...row, properties: { spoiled: true } },
      { ...row, texts: { ...row.texts, title: 'another' } },
    ];
    for (const each of spoiled) expect(broken(ledgerOf([first, ACKED]), storedOf(each))).toEqual(['I4']);
  });

  it('I7, when a request had no answer by its deadline', () => {
    const ledger = ledgerOf([first, { outcome: 'unknown', status: 'late' }]);
    expect(broken(ledger, storedOf())).toEqual(['I7']);
  });

  it('I8, when Redis accepted fewer events than clients were told', () => {
    const ledger = ledgerOf([first, ACKED], [second, ACKED]);
    expect(broken(ledger, storedOf(rowOf(first), rowOf(second)), 1)).toEqual(['I8']);
  });
});
