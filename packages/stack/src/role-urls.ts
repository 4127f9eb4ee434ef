import { createHmac } from 'node:crypto';
import type { Role } from '@sluice/db/roles';

/**
 * The roles' passwords on a server of ours, derived from its owner's: nothing more to keep, and every process that
 * knows the owner's URL knows the same ones.
 */
export function rolePasswords(ownerUrl: string): Record<Role, string> {
  return { sluice_worker: derive(ownerUrl, 'sluice_worker'), sluice_stats: derive(ownerUrl, 'sluice_stats') };
}

/** The owner's URL, for this role. */
export function roleUrl(ownerUrl: string, role: Role): string {
  const url = new URL(ownerUrl);
  url.username = role;
  url.password = derive(ownerUrl, role);
  return url.href;
}

function derive(ownerUrl: string, role: Role): string {
  return createHmac('sha256', decodeURIComponent(new URL(ownerUrl).password))
    .update(role)
    .digest('hex');
}
