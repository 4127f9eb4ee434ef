/** Fault 17, short: pg_terminate_backend of the workers' backends. */
import { it } from 'vitest';
import { seededRandom } from '../seed.ts';
import { backendsTerminated } from './backends-terminated.ts';

it('fault 17: random backends terminated every 15 to 75 ms → no hang, no uncaught error', async () => {
  await backendsTerminated(5_000, seededRandom());
});
