import type { VerifiedAccount } from './grant.js';
import type { RequiredAccount } from './ports/authorization-request-store.js';

/** Whether an account is the one that was asked for. Every condition given must hold; emails compare without case. */
export function isRequiredAccount(account: VerifiedAccount, required: RequiredAccount): boolean {
  const { email, sub, hd } = required;
  if (sub !== undefined && sub !== account.sub) return false;
  if (email !== undefined && email.toLowerCase() !== account.email?.toLowerCase()) return false;
  return hd === undefined || hd.toLowerCase() === account.hostedDomain?.toLowerCase();
}
