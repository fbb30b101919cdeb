import { foldEmail } from './account.js';
import type { VerifiedAccount } from './grant.js';

/** Which account the user must come back with. */
export interface RequiredAccount {
  readonly email?: string | undefined;
  readonly sub?: string | undefined;
  /** A Google Workspace domain. */
  readonly hd?: string | undefined;
}

/**
 * Whether an account is the one that was asked for. Every condition given must hold; emails compare without case.
 * No condition at all is met by nobody: a requirement that got lost on its way must not open the door.
 */
export function isRequiredAccount(account: VerifiedAccount, required: RequiredAccount): boolean {
  const { email, sub, hd } = required;
  const conditions = [
    sub === undefined ? null : sub === account.sub,
    email === undefined ? null : isSame(email, account.email),
    hd === undefined ? null : isSame(hd, account.hostedDomain),
  ].filter((holds) => holds !== null);
  return conditions.length > 0 && conditions.every((holds) => holds);
}

/** Domains compare as emails do (RFC 4343). */
function isSame(wanted: string, held: string | null): boolean {
  return held !== null && foldEmail(wanted) === foldEmail(held);
}

/** Whether an account may be connected; any may where nothing is required. */
export function meetsRequirement(account: VerifiedAccount, required: RequiredAccount | null): boolean {
  return required === null || isRequiredAccount(account, required);
}
