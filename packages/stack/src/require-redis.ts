import { join } from 'node:path';
import { openLogFile } from './log-file.ts';
import { findRedis } from './redis-binary.ts';
import { findInstaller, installRedis, needsNoQuestion } from './redis-install.ts';
import type { Terminal } from './terminal.ts';

const NEEDED = 'Redis or Valkey, 7.0 or later';

/**
 * Makes sure that there is a Redis to start, installing one, which is said, where that needs no question. Undefined
 * when there is, else what to tell a person.
 */
export async function requireRedis(terminal: Terminal, logDir: string): Promise<string | undefined> {
  const found = await findRedis();
  if (found.ok) return undefined;
  const isRoot = process.getuid?.() === 0;
  const installer = await findInstaller(isRoot);
  const byHand = `Install it${installer ? ` (${installer.byHand})` : ''} or set REDIS_URL to one of yours.`;
  // An older one is somebody's: not ours to replace.
  if (found.tooOld) return `${NEEDED} is needed, and the PATH has ${found.tooOld}. ${byHand}`;
  if (!installer || !needsNoQuestion(installer.manager, isRoot)) return `${NEEDED} is needed. ${byHand}`;

  const log = openLogFile(join(logDir, 'install.log'));
  const label = `installing Redis, which this machine lacks: ${installer.byHand}`;
  const installed = await terminal.step(label, () => installRedis(installer.manager, log.write));
  log.close();
  return installed.ok
    ? undefined
    : `${NEEDED} couldn't be installed (see ${join(logDir, 'install.log')}). ${byHand}`;
}
