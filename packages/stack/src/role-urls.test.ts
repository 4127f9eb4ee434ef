import { expect, test } from 'vitest';
import { rolePasswords, roleUrl } from './role-urls.ts';

const ownerUrl = 'postgres://sluice:p%40ss@127.0.0.1:5432/sluice';

test('a role logs in where the owner does, with a password of its own', () => {
  const url = new URL(roleUrl(ownerUrl, 'sluice_stats'));
  expect([url.username, url.host, url.pathname]).toEqual(['sluice_stats', '127.0.0.1:5432', '/sluice']);
  expect(url.password).toBe(rolePasswords(ownerUrl).sluice_stats);
  expect(new Set(Object.values(rolePasswords(ownerUrl))).size).toBe(2);
});

test('the passwords are the same for every database of a server, and other for another owner', () => {
  const [elsewhere, other] = [ownerUrl.replace(/sluice$/, 'x'), ownerUrl.replace('p%40ss', 'other')];
  expect(rolePasswords(elsewhere)).toEqual(rolePasswords(ownerUrl));
  expect(rolePasswords(other)).not.toEqual(rolePasswords(ownerUrl));
});
