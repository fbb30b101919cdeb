import type { Account } from './grant.js';

/**
 * An email address as it is compared: without case, of ASCII letters only. PostgreSQL does the same in collation "C",
 * so that both sides agree whatever the locale of the database is.
 */
export function foldEmail(email: string): string {
  return email.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Whether an account is meant by a `sub` or an email address; emails compare without case. */
export function isAccount(account: Account, subOrEmail: string): boolean {
  if (account.sub === subOrEmail) return true;
  return account.email !== null && foldEmail(account.email) === foldEmail(subOrEmail);
}
