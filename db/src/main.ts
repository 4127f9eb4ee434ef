/** Migrates the database of DATABASE_URL, which must name the owner of its tables. */
import { migrate } from './migrate.ts';

const url = process.env['DATABASE_URL'];
if (url === undefined || url === '') {
  console.error('DATABASE_URL is required');
  process.exit(1);
}
try {
  await migrate(url);
  console.log('migrated');
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
