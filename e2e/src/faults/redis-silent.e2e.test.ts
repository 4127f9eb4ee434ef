/** Faults 9 and 10: Redis is away for seconds, stopped with SIGSTOP, and cut off without a word. */
import { it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { redisAway, redisBlackholed, redisFrozen } from './redis-outage.ts';

it('fault 9: Redis away for 5 s → 503 at once, services idle and say little', async () => {
  await redisAway(await givenSystem(), 5_000);
});

it('fault 10: Redis stopped with SIGSTOP for 5 s → 503 by the deadline, heals, what is sent again is stored once', async () => {
  await redisFrozen(await givenSystem(), 5_000);
});

it('fault 10: Redis blackholed for 5 s → 503 by the deadline, heals, what is sent again is stored once', async () => {
  await redisBlackholed(await givenSystem({ proxied: true }), 5_000);
});
