/**
 * Yardstick: one INSERT an event, over two connections as two workers would have them, each waiting
 * for its commit. The rows are the same; nothing is read from Redis and nothing is acknowledged.
 *
 * Prints how many rows it wrote and in how many seconds.
 */
import type { SluiceEvent } from '@sluice/event/event';
import postgres from 'postgres';
import { acceptedEvents, HIGH_CARDINALITY } from '../../bench/population.ts';
import { insertConfig } from './config.ts';

const WRITERS = 2;

const { databaseUrl, seconds } = insertConfig();
const sql = postgres(databaseUrl, { max: WRITERS, fetch_types: false });
const events = acceptedEvents(HIGH_CARDINALITY, 1, Number.POSITIVE_INFINITY);
await sql`SELECT 1`;

let rows = 0;
const startedAt = performance.now();
const elapsed = () => (performance.now() - startedAt) / 1_000;

async function write(): Promise<void> {
  while (elapsed() < seconds) {
    const event = events.next().value as SluiceEvent;
    const at = new Date(event.timestamp);
    await sql`INSERT INTO events (id, site_id, event_type, path, user_id, timestamp, received_at)
      VALUES (${event.id}, ${event.site_id}, ${event.event_type}, ${event.path}, ${event.user_id ?? null}, ${at}, ${at})`;
    rows += 1;
  }
}

await Promise.all(Array.from({ length: WRITERS }, write));
console.log(JSON.stringify({ rows, seconds: elapsed() }));
await sql.end();
