import { invalidRequest } from '../errors.js';
import type { Prompt } from '../google/oauth.js';
import type { VerifiedAccount } from '../grant/grant.js';
import { foldEmail } from '../text.js';

/**
 * What the link of a ticket leads to. `connect`: to Google and back. `manage`: to a page where the user sees what the service
 * holds, reconnects and disconnects; it asks for no scopes.
 */
export const TICKET_PURPOSES = ['connect', 'manage'] as const;

export type TicketPurpose = (typeof TICKET_PURPOSES)[number];

/** The `client` of a page about all clients that the policy allows. No alias is like it. */
export const ANY_CLIENT = '*';

/** What a service requests of a user at Google, from the ticket to the callback. Holds no secret. */
export interface ConnectRequest {
  /** Absent: connect. */
  readonly purpose?: TicketPurpose;
  readonly serviceId: string;
  /** Shown to the user: which service asks. */
  readonly serviceName: string;
  readonly userId: string;
  /** Shown to the user in place of the id. */
  readonly userLabel: string | null;
  /** A language tag (RFC 5646): of the pages, and of Google's. Null: as the browser accepts. */
  readonly locale: string | null;
  readonly client: string;
  /** What the service needs, without the sign-in scopes that the broker adds. */
  readonly scopes: readonly string[];
  /** Why the service needs a scope, in its own words for the user. Absent: it says nothing. */
  readonly reasons?: Readonly<Record<string, string>>;
  /** The `sub` or email to suggest to the user. */
  readonly accountHint: string | null;
  readonly requireAccount: RequiredAccount | null;
  /** What Google should show in addition to what the broker needs. Absent: nothing. */
  readonly prompt?: Prompt;
  /** False: the tokens cover what this connect asks for and nothing that was granted before. Absent: as the broker decides. */
  readonly includeGranted?: false;
  /** The user connects one more account, whatever is held already. */
  readonly anotherAccount: boolean;
  readonly returnTo: string | null;
  /** The grant waits until the app's own server confirms the user. */
  readonly confirm: boolean;
  /** Connect even if it ends another user's grant at Google. */
  readonly force: boolean;
  /** When the first link of this connect ends; one to retry ends with it. Null where no link was made. */
  readonly linkExpiresAt: string | null;
}

/** The operator at the command line: no service, and no policy. */
export const OPERATOR = { serviceId: 'operator', serviceName: 'token-broker' } as const;

/** A connect request without any of the options. */
export function plainConnectRequest(
  connectRequest: Pick<ConnectRequest, 'serviceId' | 'serviceName' | 'userId' | 'client' | 'scopes'>,
): ConnectRequest {
  return {
    ...connectRequest,
    userLabel: null,
    locale: null,
    accountHint: null,
    requireAccount: null,
    anotherAccount: false,
    returnTo: null,
    confirm: false,
    force: false,
    linkExpiresAt: null,
  };
}

/**
 * The browser is sent only where the operator allowed it (open redirects: RFC 9700 section 4.11).
 * @param returnTo an http or https URL
 * @throws {BrokerError} `invalid_request`
 */
export function assertReturnTo(returnTo: string, origins: readonly string[]): void {
  if (origins.includes(new URL(returnTo).origin)) return;
  throw invalidRequest({
    return_to: 'must begin with one of the origins in the setting RETURN_TO_ORIGINS.',
  });
}

/** Which account the user must come back with. */
export interface RequiredAccount {
  readonly email?: string | undefined;
  readonly sub?: string | undefined;
  /** A Google Workspace domain. */
  readonly hd?: string | undefined;
}

/** The account that a hint names: no id of an account has an @ in it. */
export function accountOfHint(hint: string): RequiredAccount {
  return hint.includes('@') ? { email: hint } : { sub: hint };
}

/** The address of the account that is required: a `sub` says nothing to a user, and a hint beside it is the same account. */
export function requiredEmail({
  requireAccount,
  accountHint,
}: Pick<ConnectRequest, 'requireAccount' | 'accountHint'>): string | null {
  const { email, sub } = requireAccount ?? {};
  if (email !== undefined) return email;
  return sub !== undefined && accountHint?.includes('@') ? accountHint : null;
}

/**
 * Whether an account is the one that was asked for. Every condition given must hold; emails compare without case.
 * No account meets a requirement without conditions: one whose conditions got lost must not admit every account.
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
