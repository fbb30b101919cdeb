import type { Account } from '../grant/grant.js';
import type { ConnectCause } from './connect-cause.js';

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
    }
  /** All scopes were held before; Google was not asked. */
  | { readonly kind: 'held' }
  /** Waits for the app's own server to confirm the user. */
  | { readonly kind: 'pending'; readonly code: string }
  /** Google has given its permission, and the broker needs more time to store it: it finishes without the browser. */
  | { readonly kind: 'finishing'; readonly cause: ConnectCause; readonly code: string | null }
  | { readonly kind: 'denied' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly detail: string;
      readonly cause: ConnectCause;
      /** Google's own words, where it refused. */
      readonly google?: { readonly error: string; readonly subtype: string | null };
      /** Whether the user can do something about it with a new link. */
      readonly isFinal?: boolean;
    };

/** The app's address with the outcome in its query: `connect`, and what goes with it. */
export function returnAddress(returnTo: string, outcome: ConnectOutcome): string {
  const url = new URL(returnTo);
  for (const [name, value] of Object.entries(queryOf(outcome))) url.searchParams.set(name, value);
  return url.href;
}

function queryOf(outcome: ConnectOutcome): Record<string, string> {
  switch (outcome.kind) {
    case 'granted':
      return { connect: outcome.missing.length > 0 ? 'partial' : 'success' };
    case 'held':
      return { connect: 'success' };
    case 'pending':
      return { connect: 'pending', connect_code: outcome.code };
    case 'finishing':
      return { connect: 'pending', ...(outcome.code === null ? {} : { connect_code: outcome.code }) };
    case 'denied':
      return { connect: 'denied', connect_error: 'access_denied' };
    case 'failed':
      return { connect: 'failed', connect_error: outcome.code };
  }
}
