/** The settings of the bare server. */

export interface Config {
  readonly port: number;
  readonly redisUrl: string;
  /** What a request's body costs: nothing, an XADD of its own, or a share of one. */
  readonly redisWork: 'none' | 'xadd-each' | 'coalesced';
}

export function bareConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return {
    port: Number(env['PORT']),
    redisUrl: env['REDIS_URL'] ?? '',
    redisWork: env['REDIS_WORK'] as Config['redisWork'],
  };
}
