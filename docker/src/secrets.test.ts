import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@sluice/stack/testing/temp-dir';
import { expect, it } from 'vitest';
import { secretFiles, writeSecrets } from './secrets.ts';

async function filesIn(dir: string): Promise<Record<string, string>> {
  const found = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = found.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  const contents = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return Object.fromEntries(paths.map((path, at) => [path.slice(dir.length + 1), contents[at] ?? '']));
}

it('the second start finds the secrets of the first', async () => {
  const dir = tempDir();
  await writeSecrets(dir);
  const first = await filesIn(dir);
  await writeSecrets(dir);
  expect(await filesIn(dir)).toEqual(first);
});

it('two projects have nothing in common but who may do what', async () => {
  const [one, other] = [secretFiles('a'), secretFiles('b')];
  expect(Object.keys(one)).toEqual(Object.keys(other));
  for (const path of Object.keys(one)) expect(one[path]).not.toBe(other[path]);
});

it('what got lost or was cut off half written comes back as it was', async () => {
  const dir = tempDir();
  await writeSecrets(dir);
  const whole = await filesIn(dir);
  await rm(join(dir, 'worker'), { recursive: true });
  await rm(join(dir, 'redis/users.acl'));
  await mkdir(join(dir, 'worker'));
  await writeFile(join(dir, 'worker/redis-url.next'), 'redis://wor');
  await writeSecrets(dir);
  expect(await filesIn(dir)).toEqual(whole);
});

it('everything comes from one random key', async () => {
  const dir = tempDir();
  await writeSecrets(dir);
  const key = await readFile(join(dir, 'key'), 'utf8');
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect((await filesIn(dir))['ingest/redis-url']).toBe(secretFiles(key)['ingest/redis-url']);
});

it('only the key is for nobody else', async () => {
  const dir = tempDir();
  await writeSecrets(dir);
  for (const path of Object.keys(await filesIn(dir))) {
    const { mode } = await stat(join(dir, path));
    expect(`${path} ${(mode & 0o777).toString(8)}`).toBe(`${path} ${path === 'key' ? 400 : 444}`);
  }
});

it('no folder holds a secret of another container', () => {
  const files = secretFiles('key');
  const passwords = (path: string) => files[path]?.match(/[0-9a-f]{64}/g) ?? [];
  const own = ['redis/operator-password', 'postgres/owner-password', 'grafana/admin-password'];
  expect(own.flatMap(passwords)).toHaveLength(3);
  expect(passwords('ingest/redis-url')).not.toEqual(passwords('worker/redis-url'));
  expect(passwords('worker/database-url')).toEqual(passwords('migrate/worker-password'));
  expect(passwords('stats/database-url')).toEqual(passwords('migrate/stats-password'));
  expect(passwords('migrate/database-url')).toEqual(passwords('postgres/owner-password'));
  for (const user of ['ingest', 'worker', 'admin']) {
    const [password] = passwords(`${user}/redis-url`);
    expect(files['redis/users.acl']).not.toContain(password);
  }
});
