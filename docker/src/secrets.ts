/**
 * The secrets of a compose project: made when it first starts, the same ever after.
 *
 * One random key is kept; every password is derived from it, so nothing else has to be, and whatever
 * got lost comes back as it was. Each container is given its own folder and nothing else: ingest never
 * sees a database's password, and nobody but this sees the key.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aclFile, REDIS_USERS, type RedisUser } from './redis-acl.ts';

const KEY_BYTES = 32;
/** Containers run as different users, and each sees its own folder only. */
const READABLE = 0o444;
const ENTERABLE = 0o755;
const OWN = 0o400;
const STREAM = 'sluice:events';

/** Writes each container's folder of secrets below `dir`; makes the key if there is none. */
export async function writeSecrets(dir: string): Promise<void> {
  const key = await keyIn(dir);
  for (const [path, content] of Object.entries(secretFiles(key))) {
    const [folder = ''] = path.split('/');
    await mkdir(join(dir, folder), { recursive: true });
    await chmod(join(dir, folder), ENTERABLE);
    await replace(join(dir, path), content);
  }
}

/** Every file by its path, each in the folder of the container that it is for. */
export function secretFiles(key: string): Record<string, string> {
  const password = (of: string) => createHmac('sha256', key).update(of).digest('hex');
  const redis = (user: RedisUser) => `redis://${user}:${password(`redis ${user}`)}@redis:6379`;
  const postgres = (role: string) =>
    `postgres://${role}:${password(`postgres ${role}`)}@postgres:5432/sluice`;
  const redisPasswords = Object.fromEntries(
    REDIS_USERS.map((user) => [user, password(`redis ${user}`)]),
  ) as Record<RedisUser, string>;
  return {
    'redis/users.acl': aclFile(redisPasswords, STREAM),
    'redis/operator-password': redisPasswords.operator,
    'postgres/owner-password': password('postgres sluice'),
    'migrate/database-url': postgres('sluice'),
    'migrate/worker-password': password('postgres sluice_worker'),
    'migrate/stats-password': password('postgres sluice_stats'),
    'ingest/redis-url': redis('ingest'),
    'worker/redis-url': redis('worker'),
    'worker/database-url': postgres('sluice_worker'),
    'stats/database-url': postgres('sluice_stats'),
    'admin/redis-url': redis('admin'),
    'admin/database-url': postgres('sluice'),
    'grafana/admin-password': password('grafana admin'),
  };
}

async function keyIn(dir: string): Promise<string> {
  const path = join(dir, 'key');
  const made = join(dir, `key.${process.pid}`);
  await writeFile(made, randomBytes(KEY_BYTES).toString('hex'), { mode: OWN });
  try {
    // Whole or not at all, and never over one that is there.
    await link(made, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(made);
  }
  return readFile(path, 'utf8');
}

/** Whoever reads meanwhile finds the old content or the new one. */
async function replace(path: string, content: string): Promise<void> {
  const next = `${path}.next`;
  await rm(next, { force: true });
  await writeFile(next, content);
  await chmod(next, READABLE);
  await rename(next, path);
}
