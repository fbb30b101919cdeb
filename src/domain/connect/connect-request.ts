import type { VerifiedAccount } from '../grant/grant.js';
import { foldEmail } from '../text.js';

/** What a service wants of a user at Google, from the ticket to the callback. Holds no secret. */
export interface ConnectRequest {
  readonly serviceId: string;
  /** Shown to the user: who is asking. */
  readonly serviceName: string;
  readonly userId: string;
  readonly client: string;
  /** What the service needs, without the sign-in scopes that the broker adds. */
  readonly scopes: readonly string[];
  /** The `sub` or email to suggest to the user. */
  readonly accountHint: string | null;
  readonly requireAccount: RequiredAccount | null;
  /** The user wants to connect one more account, whatever is held already. */
  readonly anotherAccount: boolean;
  readonly returnTo: string | null;
  /** The grant waits until the app's own server confirms the user. */
  readonly confirm: boolean;
  /** A connect that kills another user's grant at Google is wanted all the same. */
  readonly force: boolean;
  /** When the first link of this connect ends; a renewed one ends with it. Null where no link was made. */
  readonly linkExpiresAt: string | null;
}

/** Asks in the operator's name, from the command line: no service stands behind it, and no policy. */
export const OPERATOR = { serviceId: 'operator', serviceName: 'token-broker' } as const;

/** A wish without any of the options. */
export function plainConnectRequest(
  connectRequest: Pick<ConnectRequest, 'serviceId' | 'serviceName' | 'userId' | 'client' | 'scopes'>,
): ConnectRequest {
  return {
    ...connectRequest,
    accountHint: null,
    requireAccount: null,
    anotherAccount: false,
    returnTo: null,
    confirm: false,
    force: false,
    linkExpiresAt: null,
  };
}

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
