/**
 * Who may do what in Redis, as the lines of an ACL file.
 *
 * A script runs with its caller's rights, and Redis wants reading and writing of every key that is
 * handed to one. So each user may hand the stream's keys to a script, and its other rules say what a
 * script of its may do with each: ingest's can count events as accepted but not as settled, and can
 * add entries but neither read nor delete any.
 */
import { createHash } from 'node:crypto';

/** The users that have a password. */
export const REDIS_USERS = ['ingest', 'worker', 'admin', 'operator'] as const;
export type RedisUser = (typeof REDIS_USERS)[number];

/** What a client says of itself, and what keeps a connection talking; nothing about other clients. */
const CONNECTION = '+@connection -@admin -@dangerous';

/**
 * Nobody can log in as the default user, and yet it may do everything: the append-only file is loaded
 * with its rights, and what it may not do in a transaction (which is what a script leaves there) is
 * dropped without an error (redis/redis#14541, valkey-io/valkey#3983).
 */
const NOBODY = 'user default off resetpass ~* &* +@all';
/** Whoever asks for health has no password, and may do nothing else. */
const PROBE = 'user probe on nopass resetchannels -@all +ping';

/**
 * The file's content. Holds hashes, no passwords.
 *
 * @param stream the stream's key; its counters' keys begin with it.
 */
export function aclFile(passwords: Readonly<Record<RedisUser, string>>, stream: string): string {
  const rules: Readonly<Record<RedisUser, string>> = {
    ingest: `${CONNECTION} ${append(stream)} ${watch(stream)}`,
    worker: `${CONNECTION} ${consume(stream)} ${settle(stream)}`,
    // The sluice command sends dead letters again.
    admin: `${CONNECTION} ${append(stream)}`,
    // For people: backups, and a look at what is wrong.
    operator: '~* &* +@all',
  };
  const users = REDIS_USERS.map(
    (user) => `user ${user} on #${sha256(passwords[user])} resetchannels -@all ${rules[user]}`,
  );
  return `${[NOBODY, ...users, PROBE].join('\n')}\n`;
}

function append(stream: string): string {
  const keys = `~${stream} ~${stream}:accepted ~${stream}:settled`;
  const counters = `%R~${stream}:accepted %R~${stream}:settled`;
  return `(+eval +evalsha ${keys}) (+xadd %W~${stream}) (+incrby ~${stream}:accepted) (+get ${counters})`;
}

/** INFO and CONFIG GET tell ingest whether what it accepts is safe. */
function watch(stream: string): string {
  return `+info +config|get (+mget %R~${stream}:accepted %R~${stream}:settled %R~${stream}:lost)`;
}

function consume(stream: string): string {
  const reading = '+xreadgroup +xautoclaim +xclaim +xpending +xrange +xlen +xinfo|consumers';
  return `(+xgroup|create +xgroup|delconsumer ${reading} +xack +xdel ~${stream})`;
}

function settle(stream: string): string {
  const keys = `~${stream} ~${stream}:accepted ~${stream}:settled ~${stream}:lost`;
  const counters = `%R~${stream}:accepted %R~${stream}:settled %R~${stream}:lost`;
  return `(+eval +evalsha ${keys}) (+get ${counters}) (+incrby ~${stream}:settled) (+set %W~${stream}:lost)`;
}

function sha256(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}
