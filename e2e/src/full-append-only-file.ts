/**
 * A Redis whose append-only file has no room: its next incremental file is /dev/full, to which every
 * write fails with ENOSPC. Needs Linux, but no rights to mount anything.
 */
import { readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withRedis } from './backlog.ts';

const FILE = /^appendonly\.aof\.(\d+)\.incr\.aof$/;

export class FullAppendOnlyFile {
  readonly #redisUrl: string;
  readonly #file: string;

  private constructor(redisUrl: string, file: string) {
    this.#redisUrl = redisUrl;
    this.#file = file;
  }

  /** From now on a running Redis has no room; one that starts again has none either. */
  static async of(redisUrl: string): Promise<FullAppendOnlyFile> {
    return withRedis(redisUrl, async (client) => {
      const { dir = '', appenddirname = '' } = await client.configGet(['dir', 'appenddirname']);
      const folder = join(dir, appenddirname);
      const numbers = (await readdir(folder)).map((name) => Number(FILE.exec(name)?.[1] ?? 0));
      const file = join(folder, `appendonly.aof.${Math.max(...numbers) + 1}.incr.aof`);
      await symlink('/dev/full', file);
      // A rewrite is when Redis opens its next file.
      await client.bgRewriteAof();
      return new FullAppendOnlyFile(redisUrl, file);
    });
  }

  /** Room again, for a Redis that survived. */
  async freeLive(): Promise<void> {
    await withRedis(this.#redisUrl, (client) => client.bgRewriteAof());
  }

  /** Room again, for a Redis that ended. */
  async freeDead(): Promise<void> {
    await rm(this.#file);
    await writeFile(this.#file, '');
  }
}
