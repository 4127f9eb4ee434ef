import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** XAUTOCLAIM's list of deleted entries, on which loss is counted, came with 7.0. */
const OLDEST_MAJOR = 7;
const PROGRAMS = ['redis-server', 'valkey-server'] as const;

const run = promisify(execFile);

export type RedisSearch =
  | { ok: true; program: string; version: string }
  /** `tooOld` names what was found and can't be used, such as `redis-server 6.0.16`. */
  | { ok: false; tooOld: string | undefined };

/** Looks on the PATH for a server that is new enough. */
export async function findRedis(programs: readonly string[] = PROGRAMS): Promise<RedisSearch> {
  let tooOld: string | undefined;
  for (const program of programs) {
    const version = await versionOf(program);
    if (version === undefined) continue;
    if (isNewEnough(version)) return { ok: true, program, version };
    tooOld ??= `${program} ${version}`;
  }
  return { ok: false, tooOld };
}

/** The version in `redis-server --version`'s line, Valkey's as well: `v=7.0.15` is `7.0.15`. */
export function parseRedisVersion(text: string): string | undefined {
  return /\bv=(\d+\.\d+\.\d+)/.exec(text)?.[1];
}

/** Whether a version, such as `7.0.15`, is one we can work with. */
export function isNewEnough(version: string): boolean {
  return Number(version.split('.')[0]) >= OLDEST_MAJOR;
}

async function versionOf(program: string): Promise<string | undefined> {
  try {
    return parseRedisVersion((await run(program, ['--version'])).stdout);
  } catch {
    return undefined;
  }
}
