/**
 * A password in the form in which Postgres keeps it, so that the password itself never leaves this process:
 * a statement that carries it ends up in the server's log, in pg_stat_activity and pg_stat_statements.
 */
import { createHmac, hash, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Postgres' own, which clients go through at each login. */
const ITERATIONS = 4_096;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/**
 * The verifier of RFC 5803 that ALTER ROLE … PASSWORD takes: `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`.
 *
 * @param password SASLprep changes nothing in ASCII; of what it does to other letters this does the
 *   normalisation, so that those that look the same are the same, as they are to psql.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(SALT_BYTES)): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, KEY_BYTES, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = hash('sha256', keyOf('Client Key'), 'base64');
  const serverKey = keyOf('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
