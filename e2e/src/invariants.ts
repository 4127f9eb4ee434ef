/**
 * The invariants that compare what clients were told with what is stored: I1 to I4, I7 and I8 of the
 * fault plan. Pure, so that the oracle itself can be tested.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Ledger, Recorded } from './ledger.ts';
import type { Stored, StoredRow } from './stored.ts';

/** One thing that broke: which invariant, how many times, and the first few. */
export interface Violation {
  readonly invariant: `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}`;
  readonly what: string;
  readonly count: number;
  readonly examples: readonly string[];
}

const EXAMPLES = 5;
const SHOWN_CHARACTERS = 120;
/** Postgres keeps microseconds and both clocks are this machine's; Date.now() is cut to milliseconds. */
const CLOCK_SLACK_MS = 2;

/** @param items what broke, as text; none means that nothing did. */
export function violation(
  invariant: Violation['invariant'],
  what: string,
  items: readonly string[],
): Violation[] {
  if (items.length === 0) return [];
  return [{ invariant, what, count: items.length, examples: items.slice(0, EXAMPLES) }];
}

/** An event that says to have happened later than that is stored with the time of its receipt. */
const MAX_AHEAD_MS = 60_000;

/** What a fault does to a run that is no violation. */
export interface Allowances {
  /** What ingest's clock shows more than this machine's. */
  readonly ingestAheadMs?: number;
  /** Loads of which the fault took acknowledged events out of Redis: I1 isn't asked of them, nor I8 of any. */
  readonly redisLost?: readonly Ledger[];
}

/**
 * Compares the ledgers of all loads with everything that is stored.
 *
 * @param acceptedByRedis events that Redis counted as accepted; `undefined` when a test emptied Redis.
 */
export function compare(
  ledgers: readonly Ledger[],
  stored: Stored,
  acceptedByRedis: number | undefined,
  { redisLost = [], ingestAheadMs = 0 }: Allowances = {},
): Violation[] {
  const rows = Map.groupBy(stored.rows, ({ texts }) => texts['event_id'] ?? '(no event_id)');
  const dead = new Set(stored.deadLetters.flatMap(({ eventIds }) => eventIds));
  const known = recordedByStoredId(ledgers);
  return [
    ...notLost(
      ledgers.filter((ledger) => !redisLost.includes(ledger)),
      rows,
      dead,
    ),
    ...notInvented(known, rows, ledgers),
    ...onlyOnce(rows, dead),
    ...asSent(known, rows, ingestAheadMs),
    ...violation(
      'I7',
      'requests had no answer by their deadline',
      ledgers.flatMap(({ late }) => late),
    ),
    ...onDisk(ledgers, acceptedByRedis),
  ];
}

/** The `event_id` as it is stored: made well-formed. */
function storedId({ event }: Recorded): string {
  return event.expected.texts['event_id'] ?? event.eventId;
}

function recordedByStoredId(ledgers: readonly Ledger[]): ReadonlyMap<string, Recorded> {
  const known = new Map<string, Recorded>();
  for (const { acked, unknown } of ledgers) {
    for (const recorded of [...acked.values(), ...unknown.values()]) known.set(storedId(recorded), recorded);
  }
  return known;
}

function notLost(
  ledgers: readonly Ledger[],
  rows: ReadonlyMap<string, StoredRow[]>,
  dead: ReadonlySet<string>,
): Violation[] {
  const lost = ledgers
    .flatMap(({ acked }) => [...acked.values()])
    .map(storedId)
    .filter((id) => !rows.has(id) && !dead.has(id));
  return violation('I1', 'accepted events are neither stored nor dead-lettered', lost);
}

function notInvented(
  known: ReadonlyMap<string, Recorded>,
  rows: ReadonlyMap<string, StoredRow[]>,
  ledgers: readonly Ledger[],
): Violation[] {
  const refused = new Set(ledgers.flatMap((ledger) => [...ledger.refused.values()].map(storedId)));
  const invented = [...rows.keys()].filter((id) => !known.has(id));
  return violation(
    'I2',
    'rows are stored that no client was told to be, or may be, accepted',
    invented.map((id) => (refused.has(id) ? `${id} (refused)` : id)),
  );
}

function onlyOnce(rows: ReadonlyMap<string, StoredRow[]>, dead: ReadonlySet<string>): Violation[] {
  const more = [...rows].filter(([, same]) => same.length > 1);
  const both = [...rows.keys()].filter((id) => dead.has(id));
  return [
    ...violation(
      'I3',
      'events are stored more than once',
      more.map(([id, same]) => `${id} × ${same.length}`),
    ),
    ...violation('I3', 'events are stored and dead-lettered', both),
  ];
}

function asSent(
  known: ReadonlyMap<string, Recorded>,
  rows: ReadonlyMap<string, StoredRow[]>,
  ingestAheadMs: number,
): Violation[] {
  const differing: string[] = [];
  for (const [id, same] of rows) {
    const recorded = known.get(id);
    const [row] = same;
    if (recorded === undefined || row === undefined) continue;
    const difference = differenceBetween(recorded, row, ingestAheadMs);
    if (difference !== undefined) differing.push(`${id}: ${difference}`);
  }
  return violation('I4', 'rows differ from what was sent', differing);
}

/** The first field that isn't as it was sent, with both values. */
function differenceBetween(recorded: Recorded, row: StoredRow, ingestAheadMs: number): string | undefined {
  const { expected } = recorded.event;
  for (const field of ['site_id', 'event_type', 'path', 'properties', 'texts'] as const) {
    if (!isDeepStrictEqual(row[field], expected[field]))
      return difference(field, row[field], expected[field]);
  }
  const receivedAt = row.receivedAt - ingestAheadMs;
  if (!isReceiptOf(recorded, receivedAt)) {
    return difference('received_at', receivedAt, [recorded.firstSentAt, recorded.lastAnsweredAt]);
  }
  const isReceipt = expected.timestamp === 'receipt' || expected.timestamp > row.receivedAt + MAX_AHEAD_MS;
  const timestamp = isReceipt ? row.receivedAt : expected.timestamp;
  return row.timestamp === timestamp ? undefined : difference('timestamp', row.timestamp, timestamp);
}

/** Whether ingest can have had the event at that time, as far as the client knows. */
function isReceiptOf(
  { firstSentAt, lastAnsweredAt, attempts, outcome }: Recorded,
  receivedAt: number,
): boolean {
  if (receivedAt < firstSentAt - CLOCK_SLACK_MS) return false;
  // A late or failed answer says nothing of when ingest read the request.
  return attempts > 1 || outcome !== 'acked' || receivedAt <= lastAnsweredAt + CLOCK_SLACK_MS;
}

function difference(field: string, found: unknown, wanted: unknown): string {
  const [is, was] = [JSON.stringify(found), JSON.stringify(wanted)];
  let at = 0;
  while (at < is.length && is[at] === was[at]) at += 1;
  return `${field}, from character ${at} on, is ${partOf(is, at)}, sent ${partOf(was, at)}`;
}

/** Some characters around the place where two texts part. */
function partOf(text: string, at: number): string {
  const from = Math.max(0, at - SHOWN_CHARACTERS / 4);
  return `${from > 0 ? '…' : ''}${text.slice(from, from + SHOWN_CHARACTERS)}${text.length > from + SHOWN_CHARACTERS ? '…' : ''}`;
}

function onDisk(ledgers: readonly Ledger[], acceptedByRedis: number | undefined): Violation[] {
  if (acceptedByRedis === undefined) return [];
  const acked = ledgers.reduce((sum, ledger) => sum + ledger.acked.size, 0);
  const short = acked > acceptedByRedis ? [`${acked} successes, ${acceptedByRedis} accepted by Redis`] : [];
  return violation('I8', 'successes were given for what Redis never had', short);
}
