import type { VerifiedAccount } from './grant.js';

/** Which account the user must come back with. */
export interface RequiredAccount {
  readonly email?: string | undefined;
  readonly sub?: string | undefined;
  /** A Google Workspace domain. */
  readonly hd?: string | undefined;
}

/** Whether an account is the one that was asked for. Every condition given must hold; emails compare without case. */
export function isRequiredAccount(account: VerifiedAccount, required: RequiredAccount): boolean {
  const { email, sub, hd } = required;
  if (sub !== undefined && sub !== account.sub) return false;
  if (email !== undefined && email.toLowerCase() !== account.email?.toLowerCase()) return false;
  return hd === undefined || hd.toLowerCase() === account.hostedDomain?.toLowerCase();
}
