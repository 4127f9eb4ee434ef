/** What the figures were measured on. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { findRedis } from '@sluice/stack/redis-binary';
import { blaster } from '../generators/blast.ts';
import type { Servers } from '../system/servers.ts';
import { median } from './percentile.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  /** Empty when no scenario needed one. */
  readonly postgres: string;
  readonly generator: string;
  /** The median of writing 4 KiB and waiting for them to be on disk, where the servers keep their data. */
  readonly fsyncMicros: number;
}

const SYNCS = 200;

/** Called at the end, when it is known which servers were needed. */
export async function describeMachine(servers: Servers): Promise<Machine> {
  const redis = await findRedis();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1_024 ** 3),
    system: `${type()} ${release()}`,
    node: process.version,
    redis: redis.ok ? `${redis.program} ${redis.version}` : 'none',
    postgres: (await servers.postgresVersion()) ?? '',
    generator: blaster().name,
    fsyncMicros: Math.round(fsyncMicros(servers.dir)),
  };
}

function fsyncMicros(dir: string): number {
  const path = join(dir, 'fsync');
  const fd = openSync(path, 'w');
  const block = Buffer.alloc(4_096, 1);
  const took: number[] = [];
  for (let left = SYNCS; left > 0; left -= 1) {
    const startedAt = performance.now();
    writeSync(fd, block);
    fsyncSync(fd);
    took.push((performance.now() - startedAt) * 1_000);
  }
  closeSync(fd);
  rmSync(path);
  return median(took);
}
