/** What is done to the stream, each in one step: the scripts that keep its counters exact. */
import { type CommandParser, defineScript } from 'redis';
import { GROUP, type StreamKeys } from './stream.ts';

/**
 * Adds entries and counts their events, all or nothing, unless the backlog would pass a limit.
 * One command, so that the limit holds however many ingest processes there are.
 *
 * KEYS stream, accepted, settled. ARGV limit, then `n` and `events` of each entry.
 * Answers {1 or 0 for refused, accepted so far, settled so far}.
 */
const append = defineScript({
  NUMBER_OF_KEYS: 3,
  SCRIPT: `#!lua
local accepted = tonumber(redis.call('GET', KEYS[2]) or 0)
local settled = tonumber(redis.call('GET', KEYS[3]) or 0)
local adding = 0
for i = 2, #ARGV, 2 do adding = adding + tonumber(ARGV[i]) end
if accepted - settled + adding > tonumber(ARGV[1]) then return {0, accepted, settled} end
for i = 2, #ARGV, 2 do redis.call('XADD', KEYS[1], '*', 'n', ARGV[i], 'events', ARGV[i + 1]) end
return {1, redis.call('INCRBY', KEYS[2], adding), settled}`,
  parseCommand(parser: CommandParser, keys: StreamKeys, limit: number, entries: readonly NewEntry[]) {
    parser.pushKeys([keys.stream, keys.accepted, keys.settled]);
    parser.push(String(limit));
    for (const entry of entries) parser.push(String(entry.n), entry.events);
  },
  transformReply: (reply: unknown): AppendReply => {
    const [added, accepted, settled] = reply as [number, number, number];
    return { added: added === 1, accepted, settled };
  },
});

/** An entry to add: `n` events as JSON lines. */
export interface NewEntry {
  readonly n: number;
  readonly events: string;
}

export interface AppendReply {
  /** False when the backlog would have passed the limit; then nothing was added. */
  readonly added: boolean;
  readonly accepted: number;
  readonly settled: number;
}

/**
 * Acknowledges and deletes entries and counts their events as settled, each once, whoever else
 * settles the same entry. May run when Redis is out of memory, since that is how memory comes back.
 *
 * When the stream is empty afterwards, events that were accepted but not settled are lost: they are
 * counted, once. Those that a worker still held when their entries vanished come back off that count
 * as it settles them, which is when `lost` is negative; but only if they are still pending. With the
 * group gone, or an XAUTOCLAIM having swept them out, they stay counted: at most too much, never too little.
 *
 * KEYS stream, accepted, settled, lost. ARGV group, then id and `n` of each entry.
 * Answers {events settled by this call, events found lost by this call}.
 */
const settle = defineScript({
  NUMBER_OF_KEYS: 4,
  SCRIPT: `#!lua flags=allow-oom
local settling = 0
for i = 2, #ARGV, 2 do
  local acknowledged = redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) + acknowledged > 0 then settling = settling + tonumber(ARGV[i + 1]) end
end
local settled = settling == 0 and tonumber(redis.call('GET', KEYS[3]) or 0) or redis.call('INCRBY', KEYS[3], settling)
if redis.call('XLEN', KEYS[1]) > 0 then return {settling, 0} end
local lost = tonumber(redis.call('GET', KEYS[2]) or 0) - settled
if lost ~= 0 then
  redis.call('INCRBY', KEYS[3], lost)
  redis.call('SET', KEYS[4], math.max(0, tonumber(redis.call('GET', KEYS[4]) or 0) + lost))
end
return {settling, lost}`,
  parseCommand(parser: CommandParser, keys: StreamKeys, entries: readonly { id: string; n: number }[]) {
    parser.pushKeys([keys.stream, keys.accepted, keys.settled, keys.lost]);
    parser.push(GROUP);
    for (const entry of entries) parser.push(entry.id, String(entry.n));
  },
  transformReply: (reply: unknown): { settled: number; lost: number } => {
    const [settled, lost] = reply as [number, number];
    return { settled, lost };
  },
});

/**
 * Renews a consumer's claim on entries that it still holds, without counting a delivery.
 *
 * An entry that was trimmed while pending stays as it is: claiming it would end its being pending,
 * and then settling it would count nothing.
 *
 * KEYS stream. ARGV group, consumer, ids. Answers the ids that it no longer holds.
 */
const renew = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `#!lua flags=allow-oom
local gone = {}
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 0 then
    gone[#gone + 1] = ARGV[i]
  elseif #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  end
end
return gone`,
  parseCommand(parser: CommandParser, keys: StreamKeys, consumer: string, ids: readonly string[]) {
    parser.pushKeys([keys.stream]);
    parser.push(GROUP, consumer, ...ids);
  },
  transformReply: (reply: unknown): string[] => reply as string[],
});

/**
 * Fetches entries that a consumer has claimed, which counts a delivery of each; only those that it still
 * holds, since by now another may have claimed them and be at work.
 *
 * One that is gone from the stream ends its being pending here, as it does in an XAUTOCLAIM.
 *
 * KEYS stream. ARGV group, consumer, ids. Answers {{id, fields and values, deliveries} …, ids that are gone}.
 */
const deliver = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `#!lua flags=allow-oom
local delivered, vanished = {}, {}
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if pending then
    local entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i])[1]
    if entry then delivered[#delivered + 1] = {entry[1], entry[2], pending[4] + 1}
    else vanished[#vanished + 1] = ARGV[i] end
  end
end
return {delivered, vanished}`,
  parseCommand(parser: CommandParser, keys: StreamKeys, consumer: string, ids: readonly string[]) {
    parser.pushKeys([keys.stream]);
    parser.push(GROUP, consumer, ...ids);
  },
  transformReply: (reply: unknown): { deliveries: Delivery[]; vanished: string[] } => {
    const [delivered, vanished] = reply as [[string, string[], number][], string[]];
    return {
      deliveries: delivered.map(([id, flat, deliveries]) => ({ id, fields: fieldsOf(flat), deliveries })),
      vanished,
    };
  },
});

/** An entry as it was delivered to a consumer. */
export interface Delivery {
  readonly id: string;
  readonly fields: { readonly [name: string]: string };
  /** How often it was delivered to anyone, this time included. */
  readonly deliveries: number;
}

/** @param flat names and values by turns. */
function fieldsOf(flat: readonly string[]): Delivery['fields'] {
  const fields: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) fields.push([flat[at] as string, flat[at + 1] as string]);
  return Object.fromEntries(fields);
}

/**
 * Makes the group, from the start of the stream, and the stream with it. A script, since Redis refuses the
 * plain command when it is out of memory, and then nobody could ever make room.
 *
 * KEYS stream. ARGV group. Fails with BUSYGROUP when there is one already.
 */
const createGroup = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `#!lua flags=allow-oom
return redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')`,
  parseCommand(parser: CommandParser, keys: StreamKeys) {
    parser.pushKeys([keys.stream]);
    parser.push(GROUP);
  },
  transformReply: (reply: unknown): unknown => reply,
});

/**
 * Deletes a consumer that has nothing pending; with something pending Redis would throw that away too.
 *
 * KEYS stream. ARGV group, consumer. Answers 1 when it is gone.
 */
const removeConsumer = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `#!lua flags=allow-oom
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if pending.err then return string.find(pending.err, 'NOGROUP') and 0 or pending end
if #pending > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1`,
  parseCommand(parser: CommandParser, keys: StreamKeys, consumer: string) {
    parser.pushKeys([keys.stream]);
    parser.push(GROUP, consumer);
  },
  transformReply: (reply: unknown): boolean => reply === 1,
});

/** The scripts, for a client of either kind. */
export const streamScripts = { append, settle, renew, deliver, createGroup, removeConsumer };
