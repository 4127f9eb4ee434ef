/** Fault 18, short: Postgres goes away at full load. */
import { it } from 'vitest';
import { seededRandom } from '../seed.ts';
import { postgresDown } from './postgres-down.ts';

it('fault 18: Postgres down at full load → accepted up to the high-water mark, then 503; then a fast drain', async () => {
  const load = { random: seededRandom(), connections: 40 };
  await postgresDown({ fullForMs: 1_000, highWaterEvents: 4_000, load });
});
