/** Faults 9 and 10 at their full length. */
import { it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { redisAway, redisBlackholed, redisFrozen } from './redis-outage.ts';

it('fault 9: Redis away for 30 s → 503 at once, services idle and say little', async () => {
  await redisAway(await givenSystem(), 30_000);
});

it('fault 10: Redis stopped with SIGSTOP for 10 s → 503 by the deadline, heals, what is sent again is stored once', async () => {
  await redisFrozen(await givenSystem(), 10_000);
});

it('fault 10: Redis blackholed for 30 s → 503 by the deadline, heals, what is sent again is stored once', async () => {
  await redisBlackholed(await givenSystem({ proxied: true }), 30_000);
});
