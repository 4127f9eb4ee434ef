/**
 * When a worker is ready: as long as it can store what it reads and reads from some shard. A shard
 * whose Redis is away is named in the warnings; a fault of Postgres stops all of them.
 */
import type { Health } from '@sluice/service/health';
import type { WorkerShard } from './worker-shard.ts';

export function requireShards(
  health: Pick<Health, 'require' | 'warn'>,
  shards: readonly WorkerShard[],
): void {
  health.require('redis', () =>
    shards.some(({ isConnected }) => isConnected) ? undefined : 'not connected',
  );
  health.require('consumer', () => {
    const storing = shards.find(({ consumer }) => consumer.mode === 'WAITING' || consumer.mode === 'HALTED');
    if (storing !== undefined) return storing.consumer.problem;
    if (shards.some(({ consumer }) => consumer.problem === undefined)) return undefined;
    return shards[0]?.consumer.problem;
  });
  if (shards.length === 1) return;
  health.warn('shards', () => {
    const troubled = shards.flatMap(({ name, isConnected, consumer }) => {
      const problem = isConnected ? consumer.problem : 'not connected';
      return problem === undefined ? [] : [`${name}: ${problem}`];
    });
    return troubled.join('; ') || undefined;
  });
}
