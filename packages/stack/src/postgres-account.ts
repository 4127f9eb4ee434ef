import { execFileSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import type { Account } from './privileges.ts';

/** Users that systems have for this or for nothing; macOS calls its own `_postgres`. */
const NAMES = ['postgres', '_postgres', 'nobody'];
const OWN_NAME = 'sluice-postgres';

/**
 * The user that Postgres must run as, which is undefined for "the one who asks". Postgres refuses to be root, so
 * root needs another: the owner of an existing cluster, else a user of the system, else one that is made here.
 * Throws when the cluster belongs to somebody we can't become.
 */
export async function postgresAccount(clusterDir: string): Promise<Account | undefined> {
  const owner = await stat(clusterDir).catch(() => undefined);
  if (process.getuid?.() !== 0) {
    if (owner && owner.uid !== process.getuid?.()) {
      throw new Error(
        `${clusterDir} belongs to another user (id ${owner.uid}): run as that user, as root, or elsewhere`,
      );
    }
    return undefined;
  }
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of NAMES) {
    const account = lookUp(name);
    if (account) return account;
  }
  return createAccount();
}

function createAccount(): Account {
  try {
    execFileSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', OWN_NAME]);
  } catch (error) {
    throw new Error('Postgres needs a user that is not root, and none could be made', { cause: error });
  }
  const account = lookUp(OWN_NAME);
  if (!account) throw new Error(`the user ${OWN_NAME} was made but isn't there`);
  return account;
}

function lookUp(name: string): Account | undefined {
  const id = (flag: string) => {
    return Number(
      execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  };
  try {
    const account = { uid: id('-u'), gid: id('-g') };
    return account.uid > 0 ? account : undefined;
  } catch {
    return undefined;
  }
}
