/**
 * The Prometheus metrics of a process. Names end in `_total`, `_seconds` or `_bytes`; a refusal or
 * a drop is one counter with a `reason`.
 *
 * The data path counts in plain objects (`Tally`), which cost a few nanoseconds where prom-client's
 * labels cost half a microsecond; they are turned into metrics when somebody asks.
 */
import { statfs } from 'node:fs/promises';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export { Histogram, Registry } from 'prom-client';

/** A registry with the process's own figures (CPU, memory, event-loop lag, its disk) in it. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  // In a container that is the engine's disk, which its volumes are on too.
  createAskedGauge(registry, 'sluice_disk_free_ratio', 'Free share of the disk.', async () => {
    const { bavail, blocks } = await statfs('/');
    return bavail / blocks;
  });
  return registry;
}

/** Counts by reason, from a closed set; each is shown from the start, at zero. */
export type Tally<Reason extends string> = Record<Reason, number>;

/**
 * A counter labelled `reason`, or whatever `label` says.
 *
 * @param name ends in `_total`
 * @returns the plain counts, to be incremented in place.
 */
export function createTally<const Reason extends string>(
  registry: Registry,
  name: string,
  help: string,
  reasons: readonly Reason[],
  label = 'reason',
): Tally<Reason> {
  const tally = Object.fromEntries(reasons.map((reason) => [reason, 0])) as Tally<Reason>;
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const reason of reasons) this.inc({ [label]: reason }, tally[reason]);
    },
  });
  return tally;
}

/** A counter without labels, as a plain number in an object. */
export function createCount(registry: Registry, name: string, help: string): { value: number } {
  const count = { value: 0 };
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(count.value);
    },
  });
  return count;
}

/**
 * A gauge that is read when somebody asks. Of several processes, all of which look at the same Redis, the
 * highest figure counts.
 */
export function createGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    aggregator: 'max',
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/**
 * A gauge for which somebody else is asked when somebody asks; NaN when there is no answer. Several processes
 * are all told the same, so the answer that one of them got counts.
 */
export function createAskedGauge(
  registry: Registry,
  name: string,
  help: string,
  ask: () => Promise<number>,
): void {
  new Gauge({
    name,
    help,
    aggregator: 'first',
    registers: [registry],
    async collect() {
      this.set(await ask().catch(() => Number.NaN));
    },
  });
}

/**
 * A gauge labelled `shard`, each of which is read when somebody asks.
 *
 * @param ofSeveral which figure counts of several processes.
 */
export function createShardGauge(
  registry: Registry,
  name: string,
  help: string,
  shards: ReadonlyMap<string, () => number>,
  ofSeveral: 'max' | 'min' = 'max',
): void {
  new Gauge({
    name,
    help,
    aggregator: ofSeveral,
    labelNames: ['shard'],
    registers: [registry],
    collect() {
      for (const [shard, read] of shards) this.set({ shard }, read());
    },
  });
}
