/** Fault 34, for seconds, on a machine that others may use. */
import { it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { overloaded } from './overload.ts';

it('fault 34: five times the capacity for 5 s → goodput stays, the accepted wait little, the rest is told 503', async () => {
  await overloaded(await givenSystem({ ingests: 0, workers: 1 }), { seconds: 5, goodput: 0.5, p99Ms: 2_000 });
});
