import type { AuditDetail } from '../audit-entry.js';
import { type ConnectCause, googleErrorCode } from './connect-cause.js';
import type { ConnectOutcome } from './connect-outcome.js';
import type { ConnectRequest } from './connect-request.js';

/** The parties of a connect. With the purpose `manage` it is none: a ticket of the user's own page. */
export type ConnectParties = Pick<ConnectRequest, 'serviceId' | 'userId' | 'client' | 'purpose'>;

export const CONNECT_ENDS = [
  'ok',
  'partial',
  'held',
  'pending',
  'finishing',
  'denied',
  'failed',
  'cancelled',
  'expired',
  'refused',
] as const;

/** How a connect ended, for the log, the audit trail and metrics: one for every exit. */
export interface ConnectEnd {
  readonly outcome: (typeof CONNECT_ENDS)[number];
  readonly cause: ConnectCause;
  /** Null where it belongs to no connect that is known. */
  readonly connectRequest: ConnectParties | null;
  readonly requestId: string;
  /** Whether it ended without its browser, long after the call of `requestId`. */
  readonly isWithoutBrowser?: boolean;
  /** Google's `error`; of the form of one, or `unknown_error`. */
  readonly googleError?: string;
  readonly googleErrorSubtype?: string | null;
}

export function endOf(
  outcome: ConnectOutcome,
  connectRequest: ConnectParties | null,
  requestId: string,
): ConnectEnd {
  const common = { connectRequest, requestId };
  switch (outcome.kind) {
    case 'granted':
      return outcome.missing.length > 0
        ? { ...common, outcome: 'partial', cause: 'scopes_unticked' }
        : { ...common, outcome: 'ok', cause: 'none' };
    case 'held':
    case 'pending':
      return { ...common, outcome: outcome.kind, cause: 'none' };
    case 'finishing':
      return { ...common, outcome: 'finishing', cause: outcome.cause };
    case 'denied':
      return { ...common, outcome: 'denied', cause: outcome.isCancel ? 'user_cancelled' : 'access_denied' };
    case 'cancelled':
      return { ...common, outcome: 'cancelled', cause: 'ticket_cancelled' };
    case 'expired':
      return { ...common, outcome: 'expired', cause: outcome.cause };
    case 'failed': {
      const { google, cause } = outcome;
      return {
        ...common,
        outcome: 'failed',
        cause,
        ...(google ? { googleError: googleErrorCode(google.error), googleErrorSubtype: google.subtype } : {}),
      };
    }
  }
}

/** The cause as audit details; empty after success. */
export function causeFacts({
  cause,
  googleError,
  googleErrorSubtype,
}: ConnectEnd): Record<string, AuditDetail> {
  return {
    ...(cause === 'none' ? {} : { cause }),
    ...(googleError === undefined ? {} : { google_error: googleError }),
    ...(googleErrorSubtype ? { google_error_subtype: googleErrorCode(googleErrorSubtype) } : {}),
  };
}
