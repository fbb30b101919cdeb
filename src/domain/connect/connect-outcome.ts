import type { BrokerError } from '../errors.js';
import type { FailurePage } from '../google/failure-pages.js';
import { missingScopes } from '../google/scopes.js';
import type { Account, Grant } from '../grant/grant.js';
import { causeOfReason, type ConnectCause } from './connect-cause.js';

/** How a connect ended, for the app and for the user. */
export type ConnectOutcome =
  | {
      readonly kind: 'granted';
      readonly grantId: string;
      readonly account: Account;
      readonly scopes: readonly string[];
      readonly missing: readonly string[];
      /** What Google gave beyond what may be used; shown in the audit trail only. */
      readonly unrequested: readonly string[];
      /** Accounts of the user's dead grants, none of which was chosen: these stay dead. */
      readonly insteadOf: readonly Account[];
    }
  /** All scopes were held before; Google was not asked. */
  | { readonly kind: 'held'; readonly grantId: string; readonly account: Account }
  /** Waits for the app's own server to confirm the user. */
  | { readonly kind: 'pending'; readonly code: string }
  /** The user has consented and Google has issued tokens; the broker needs more time to store them: it finishes without the browser. */
  | { readonly kind: 'finishing'; readonly cause: ConnectCause; readonly code: string | null }
  | {
      readonly kind: 'denied';
      /** Whether the user pressed Cancel on the broker's page, before Google's. */
      readonly isCancel?: boolean;
    }
  /** The service that made the ticket took it back. */
  | { readonly kind: 'cancelled' }
  /** The user did not finish in time. */
  | { readonly kind: 'expired'; readonly cause: ConnectCause }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly detail: string;
      readonly cause: ConnectCause;
      /** That of the row of Google's failure; absent for the broker's own refusals. */
      readonly page?: FailurePage;
      /** Google's own words, where it refused. */
      readonly google?: { readonly error: string; readonly subtype: string | null };
      /** Whether the user can do something about it with a new link. */
      readonly isFinal?: boolean;
      /** The account that was chosen, where another one is required. */
      readonly account?: Account;
    };

/** The time of the connect was over when the browser came back, or looked again. */
export const STATE_EXPIRED = { kind: 'expired', cause: 'state_expired' } as const satisfies ConnectOutcome;

/** Compares a grant with the request. */
export function outcomeOfGrant(
  { id: grantId, account, grantedScopes: scopes }: Grant,
  requested: readonly string[],
  unrequested: readonly string[],
  insteadOf: readonly Account[],
): Extract<ConnectOutcome, { kind: 'granted' }> {
  const missing = missingScopes(requested, scopes);
  return { kind: 'granted', grantId, account, scopes, missing, unrequested, insteadOf };
}

/** A refusal by the broker that ends a connect. */
export function outcomeOfRefusal({
  code,
  detail,
  extensions,
}: BrokerError): Extract<ConnectOutcome, { kind: 'failed' }> {
  const cause = causeOfReason(extensions['reason']) ?? causeOfReason(code) ?? 'internal_error';
  // The service lost its authority: another link would be refused as well.
  return { kind: 'failed', code, detail, cause, isFinal: code === 'not_allowed' };
}

/** Whether another link for the same connect can lead to more. */
export function mayTryAgain(outcome: ConnectOutcome): boolean {
  switch (outcome.kind) {
    case 'granted':
      return outcome.missing.length > 0;
    case 'denied':
      return true;
    case 'failed':
      return outcome.isFinal !== true;
    default:
      return false;
  }
}

/** Whether the user can put it right at once: the app gets it only from a user who goes back instead. */
export function isForUserFirst(outcome: ConnectOutcome): boolean {
  return outcome.kind === 'failed' && outcome.cause === 'wrong_account';
}

/** What `queryOf` writes. */
const OUTCOME_PARAMETERS = ['connect', 'connect_account', 'connect_code', 'connect_error'];

/** The app's address with the outcome in its query: `connect`, and what goes with it, in place of an earlier outcome's. */
export function returnAddress(returnTo: string, outcome: ConnectOutcome): string {
  const url = new URL(returnTo);
  for (const name of OUTCOME_PARAMETERS) url.searchParams.delete(name);
  for (const [name, value] of Object.entries(queryOf(outcome))) url.searchParams.set(name, value);
  return url.href;
}

function queryOf(outcome: ConnectOutcome): Record<string, string> {
  switch (outcome.kind) {
    case 'granted':
      return {
        connect: outcome.missing.length > 0 ? 'partial' : 'success',
        ...(outcome.insteadOf.length > 0 ? { connect_account: 'changed' } : {}),
      };
    case 'held':
      return { connect: 'success' };
    case 'pending':
      return { connect: 'pending', connect_code: outcome.code };
    case 'finishing':
      return { connect: 'pending', ...(outcome.code === null ? {} : { connect_code: outcome.code }) };
    case 'denied':
      return { connect: 'denied', connect_error: 'access_denied' };
    case 'cancelled':
      return { connect: 'cancelled' };
    case 'expired':
      return { connect: 'failed', connect_error: 'expired' };
    case 'failed':
      return { connect: 'failed', connect_error: outcome.code };
  }
}
