/** Fault 20, short: a lock on `events`, for longer than a claim holds without being renewed. */
import { it } from 'vitest';
import { seededRandom } from '../seed.ts';
import { eventsLocked } from './postgres-locked.ts';

it('fault 20: LOCK TABLE events → nothing dead-lettered, no delivery count used up', async () => {
  await eventsLocked(6_000, { random: seededRandom(), connections: 20, rate: 500 });
});
