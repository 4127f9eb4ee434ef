/** When ingest is ready: as long as some shard takes events. Those that don't are named in the warnings. */
import type { Health } from '@sluice/service/health';
import type { IngestShard } from './shard.ts';

type Reason = (shard: IngestShard) => string | undefined;

export function requireShards(
  health: Pick<Health, 'require' | 'warn'>,
  shards: readonly IngestShard[],
): void {
  health.require('redis', () => ofAll(shards, ({ problem }) => problem));
  health.require('room', () => {
    const up = shards.filter(({ problem }) => problem === undefined);
    return ofAll(up.length === 0 ? shards : up, ({ gate }) => gate.closed);
  });
  if (shards.length > 1) {
    health.warn('shards', () => told(shards, ({ problem, gate }) => problem ?? gate.closed) || undefined);
  }
  health.warn('durability', () => {
    const risks = new Set(shards.flatMap(({ watch }) => watch.state?.risks ?? []));
    return [...risks].join('; ') || undefined;
  });
}

/** The reasons, if each of the shards has one. */
function ofAll(shards: readonly IngestShard[], reasonOf: Reason): string | undefined {
  return shards.every((shard) => reasonOf(shard) !== undefined) ? told(shards, reasonOf) : undefined;
}

/** Such as `0: not connected; 3: not connected`, or the bare reason of the only shard. */
function told(shards: readonly IngestShard[], reasonOf: Reason): string {
  return shards
    .flatMap((shard) => {
      const reason = reasonOf(shard);
      if (reason === undefined) return [];
      return [shard.name === '' ? reason : `${shard.name}: ${reason}`];
    })
    .join('; ');
}
