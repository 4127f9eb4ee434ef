/**
 * Migrates the database of DATABASE_URL, which must name the owner of its tables, and lets the
 * services' roles log in where WORKER_PASSWORD and STATS_PASSWORD say how.
 */
import { databaseConfig } from './config.ts';
import { migrate } from './migrate.ts';
import { allowLogin } from './roles.ts';

try {
  const { databaseUrl, passwords } = databaseConfig();
  await migrate(databaseUrl);
  if (passwords !== undefined) await allowLogin(databaseUrl, passwords);
  console.log('migrated');
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
