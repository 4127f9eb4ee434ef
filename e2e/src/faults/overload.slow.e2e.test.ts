/** Fault 34 in full. */
import { it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { overloaded } from './overload.ts';

it('fault 34: five times the capacity for a minute → goodput stays, the accepted wait less than a second, the rest is told 503', async () => {
  await overloaded(await givenSystem({ ingests: 0, workers: 1 }), {
    seconds: 60,
    goodput: 0.8,
    p99Ms: 1_000,
  });
});
