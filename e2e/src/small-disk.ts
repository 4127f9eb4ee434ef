/** A disk of a few megabytes, which a test can fill up and empty: a tmpfs, for which one must be root. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const run = promisify(execFile);

export class SmallDisk {
  readonly dir: string;
  readonly #ballast: string;

  constructor(dir: string) {
    this.dir = dir;
    this.#ballast = join(dir, 'ballast');
  }

  /** Takes all the room but `leavingBytes`. */
  async fill(leavingBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.dir);
    await writeFile(this.#ballast, Buffer.alloc(Math.max(0, bavail * bsize - leavingBytes)));
  }

  /** Gives it back. */
  async free(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }
}

/**
 * Mounts one that goes away with the test.
 *
 * @param owner who may write on it.
 * @throws when this process may not mount.
 */
export async function givenSmallDisk(
  megabytes: number,
  owner: { readonly uid: number; readonly gid: number },
): Promise<SmallDisk> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-disk-'));
  const options = `size=${megabytes}m,mode=0700,uid=${owner.uid},gid=${owner.gid}`;
  try {
    await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]);
  } catch (error) {
    await rmdir(dir);
    throw new Error('a test of a full disk must be root and may mount a tmpfs', { cause: error });
  }
  onTestFinished(async () => {
    // Lazily: a server that is still being stopped may have files open on it.
    await run('umount', ['--lazy', dir]);
    await rmdir(dir);
  });
  return new SmallDisk(dir);
}
