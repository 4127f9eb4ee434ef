/** Fault 29, with fewer clients and shorter time-outs. */
import { it } from 'vitest';
import { impatient } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { crowded } from './slow-clients.ts';

it('fault 29: 1,000 idle and 600 slow connections beside real load → the slow are told 408, the load does not notice', async () => {
  const system = await givenSystem({ ingests: 0, workers: 1 });
  await system.add('ingest', { rewrites: impatient });
  await crowded(system, { idle: 1_000, slow: 200, goneWithinMs: 10_000 });
});
