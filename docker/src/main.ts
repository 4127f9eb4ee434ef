/** Makes a compose project's secrets in the folder that it is given: the first container of every start. */
import { writeSecrets } from './secrets.ts';

const [dir] = process.argv.slice(2);
if (dir === undefined) {
  console.error('say where: node docker/src/main.ts FOLDER');
  process.exit(1);
}
await writeSecrets(dir);
console.log(`secrets are in ${dir}`);
