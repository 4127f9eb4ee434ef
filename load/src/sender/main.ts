/** A paced sender as a process of its own: the pace in a file of JSON, its result as JSON on stdout. */
import { readFileSync } from 'node:fs';
import { type Pace, PacedSender } from './paced-sender.ts';

const sender = new PacedSender(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Pace);
process.on('SIGTERM', () => sender.stop());
try {
  console.log(JSON.stringify(await sender.run()));
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
