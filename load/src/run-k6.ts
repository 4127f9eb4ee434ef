/**
 * `pnpm load NAME`: runs one of the k6 scripts against a Sluice that runs already.
 *
 * What follows the name goes to k6 as it is. The exit code is k6's: 99 when a threshold broke.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HOW_TO_GET_K6, k6Command, scriptNames } from './k6/find-k6.ts';

const [name = '', ...more] = process.argv.slice(2).filter((arg) => arg !== '--');
const command = k6Command(name, more);
if (!scriptNames().includes(name)) {
  console.error(`pnpm load NAME [-e RATE=1000] [-e DURATION=30] [-e TARGET=http://host:8080]

Runs a k6 script against a Sluice that runs already, such as that of \`pnpm start\`. The scripts are
${scriptNames().join(', ')}; load/k6/settings.js lists what can be set.`);
  process.exitCode = name === '--help' || name === '-h' ? 0 : 2;
} else if (command === undefined) {
  console.error(HOW_TO_GET_K6);
  process.exitCode = 1;
} else {
  const child = spawn(command.program, command.args, { stdio: 'inherit' });
  // Ctrl-C reaches k6 by itself, which then sums up what it has.
  process.on('SIGINT', () => undefined);
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}
