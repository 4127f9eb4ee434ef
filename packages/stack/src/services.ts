import { join } from 'node:path';
import type { StartConfig } from './config.ts';
import { firstFree } from './free-port.ts';

/** Where workers' metrics are looked for first; ingest and stats have the two below. */
const FIRST_WORKER_PORT = 8082;
/** As many as there can be workers, and some that are taken. */
const MOST_TRIED_PORTS = 80;
/** Trackers in other machines' browsers send here. */
export const PUBLIC_HOST = '0.0.0.0';

export interface ServiceSpec {
  name: string;
  entry: string;
  port: number;
  env: NodeJS.ProcessEnv;
}

export interface Urls {
  redis: string;
  workerDatabase: string;
  statsDatabase: string;
}

export interface ServiceSpecs {
  ingest: ServiceSpec;
  workers: ServiceSpec[];
  stats: ServiceSpec;
}

/** What to run, and the environment each gets: nobody a URL that is none of its business. */
export async function serviceSpecs(config: StartConfig, urls: Urls): Promise<ServiceSpecs> {
  const { HOST, REDIS_URL, DATABASE_URL, ...inherited } = config.environment;
  const spec = (name: string, service: string, port: number, env: NodeJS.ProcessEnv): ServiceSpec => ({
    name,
    entry: join(config.projectDir, 'services', service, 'src', 'main.ts'),
    port,
    env: { ...inherited, ...env, PORT: String(port) },
  });

  const workers: ServiceSpec[] = [];
  const reserved = new Set([config.port, config.statsPort]);
  for (let n = 1; n <= config.workers; n += 1) {
    const wanted = Array.from({ length: MOST_TRIED_PORTS }, (_, i) => FIRST_WORKER_PORT + i);
    const port = await firstFree(wanted.filter((each) => !reserved.has(each)));
    reserved.add(port);
    const env = { HOST: '127.0.0.1', REDIS_URL: urls.redis, DATABASE_URL: urls.workerDatabase };
    workers.push(spec(`worker-${n}`, 'worker', port, env));
  }
  return {
    ingest: spec('ingest', 'ingest', config.port, { HOST: PUBLIC_HOST, REDIS_URL: urls.redis }),
    workers,
    stats: spec('stats', 'stats', config.statsPort, { HOST: PUBLIC_HOST, DATABASE_URL: urls.statsDatabase }),
  };
}
