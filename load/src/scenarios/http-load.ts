/** A server under the load of many connections, and what that cost it. */
import { countCpu } from '../bench/process-tree.ts';
import type { Run } from '../bench/run.ts';
import { type Blasted, blast } from '../generators/blast.ts';

export interface HttpLoad {
  readonly pid: number;
  /** With the path. */
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly bodies: readonly string[];
}

export interface HttpCost extends Blasted {
  readonly perSecond: number;
  /** CPU time of the server's processes, for each request. */
  readonly cpuMicros: number;
  /** The same of Redis. */
  readonly redisMicros: number;
}

/** Puts load on a server and counts its CPU time meanwhile. */
export async function underLoad(run: Run, { pid, ...load }: HttpLoad): Promise<HttpCost> {
  const redis = await run.servers.redis();
  const used = countCpu({ server: pid, redis: redis.pid });
  const blasted = await blast({ ...load, dir: run.servers.dir });
  const { server, redis: redisSeconds } = used();
  return {
    ...blasted,
    perSecond: blasted.requests / blasted.seconds,
    cpuMicros: (server / blasted.requests) * 1e6,
    redisMicros: (redisSeconds / blasted.requests) * 1e6,
  };
}

/**
 * Runs `work` on a stream that nobody reads. It grows as it never does beside workers, so Redis doesn't
 * rewrite its append-only file meanwhile, and what is there is thrown away afterwards.
 */
export async function withoutWorkers(run: Run, work: () => Promise<void>): Promise<void> {
  await run.stream.set('auto-aof-rewrite-percentage', '0');
  await run.stream.clear();
  try {
    await work();
  } finally {
    await run.stream.clear();
    await run.stream.set('auto-aof-rewrite-percentage', '100');
  }
}
