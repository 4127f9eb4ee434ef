/** Which URLs each service gets, and the proxies that may stand between it and its servers. */
import { roleUrl } from '@sluice/stack/role-urls';
import type { ServiceName } from './service-process.ts';
import { stablePort } from './stable-port.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** Each way has its own proxy, so that a fault can hit one of them. */
export interface Proxies {
  readonly ingestRedis: TcpProxy;
  readonly workerRedis: TcpProxy;
  readonly workerPostgres: TcpProxy;
}

export async function startProxies(redisPort: number, postgresPort: number): Promise<Proxies> {
  return {
    ingestRedis: await TcpProxy.start(await stablePort(), redisPort),
    workerRedis: await TcpProxy.start(await stablePort(), redisPort),
    workerPostgres: await TcpProxy.start(await stablePort(), postgresPort),
  };
}

/** The environment that tells a service where its servers are: nobody a URL that is none of its business. */
export function urlsOf(
  service: ServiceName,
  servers: {
    readonly cluster: { readonly settings: Readonly<Record<string, string>> } | undefined;
    readonly redisUrl: string;
    readonly databaseUrl: string;
  },
  proxies: Proxies | undefined,
): Record<string, string> {
  const redis = (proxy: TcpProxy | undefined) =>
    servers.cluster?.settings ?? { REDIS_URL: through(proxy, servers.redisUrl) };
  const databaseUrl = (role: 'sluice_worker' | 'sluice_stats') => roleUrl(servers.databaseUrl, role);
  switch (service) {
    case 'ingest':
      return redis(proxies?.ingestRedis);
    case 'worker':
      return {
        ...redis(proxies?.workerRedis),
        DATABASE_URL: through(proxies?.workerPostgres, databaseUrl('sluice_worker')),
      };
    case 'stats':
      return { DATABASE_URL: databaseUrl('sluice_stats') };
  }
}

function through(proxy: TcpProxy | undefined, url: string): string {
  if (proxy === undefined) return url;
  const changed = new URL(url);
  changed.port = String(proxy.port);
  return changed.href;
}
