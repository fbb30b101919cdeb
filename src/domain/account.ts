import type { Account } from './grant.js';

/** Whether an account is meant by a `sub` or an email address; emails compare without case. */
export function isAccount(account: Account, subOrEmail: string): boolean {
  return account.sub === subOrEmail || account.email?.toLowerCase() === subOrEmail.toLowerCase();
}
