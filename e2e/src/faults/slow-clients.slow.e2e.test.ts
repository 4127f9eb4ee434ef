/** Fault 29 in full. */
import { it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { crowded } from './slow-clients.ts';

it('fault 29: 10,000 idle and 3,000 slow connections beside real load → the slow are told 408, the load does not notice', async () => {
  await crowded(await givenSystem({ workers: 1 }), { idle: 10_000, slow: 1_000, goneWithinMs: 40_000 });
});
