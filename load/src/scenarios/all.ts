/** Every scenario, in the order in which they run. */
import type { Scenario } from '../bench/run.ts';
import { batch } from './batch.ts';
import { connections, fsync, rates } from './curves.ts';
import { drain } from './drain.ts';
import { latency, memory, sustained } from './end-to-end.ts';
import { profile } from './profile.ts';
import { single } from './single.ts';
import { stored } from './stored.ts';

export const scenarios: readonly Scenario[] = [
  single,
  connections,
  rates,
  fsync,
  batch,
  drain,
  sustained,
  latency,
  memory,
  stored,
  profile,
];
