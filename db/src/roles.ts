/** Gives the services' roles, which the migrations make, the right to log in. */
import postgres from 'postgres';
import { scramVerifier } from './scram.ts';

export type Role = 'sluice_worker' | 'sluice_stats';

/**
 * The server gets the passwords' verifiers, never the passwords.
 *
 * @param ownerUrl as a role that may alter roles.
 * @param passwords by role.
 */
export async function allowLogin(
  ownerUrl: string,
  passwords: Readonly<Record<string, string>>,
): Promise<void> {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    for (const [role, password] of Object.entries(passwords)) {
      // ALTER ROLE takes no parameters; format() quotes on the server.
      const [row] = await sql<{ statement: string }[]>`
        SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', ${role}::text, ${scramVerifier(password)}::text) AS statement`;
      if (row !== undefined) await sql.unsafe(row.statement);
    }
  } finally {
    await sql.end({ timeout: 5 });
  }
}
