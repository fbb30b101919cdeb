/**
 * What each authorization response without a code means, and a connect that brought no refresh token, in the form of
 * oauth-failures.ts: what answers /callback goes by these rows, and docs/google-errors.md shows them.
 * Does not own the outcome of a connect (callback/consent-outcome.ts) nor the texts of pages (failure-pages.ts).
 */
import { type FailureRow, findFailure, type PageFailureRow } from './google-failure.js';

/** Also of the token endpoint. */
export const ORG_INTERNAL = {
  page: 'org_internal',
  meaning: 'The app is Internal: only accounts of its own organisation may use it.',
  whoMustAct: 'operator',
  remedy: 'Make the app External in the console, or let the user choose an account of the organisation.',
} as const;

/** Google sends neither a code nor an error. */
const NO_CODE = {
  errors: [],
  shown: 'none, and no code either',
  kind: 'failed',
  page: 'google_refused',
  meaning: 'Google sent neither a code nor an error.',
  whoMustAct: 'user',
  remedy: 'Start again in the app.',
} as const;

const UNKNOWN_ERROR = {
  errors: [],
  shown: 'another',
  kind: 'failed',
  page: 'google_refused',
  meaning: 'Google sent an error that the broker does not know.',
  whoMustAct: 'user',
  remedy: "Try again; if it persists, the operator looks it up in Google's documentation.",
} as const;

/** RFC 6749 section 4.1.2.1. `denied`: it is the user's decision; `failed`: the app gets Google's own code. */
export const AUTHORIZATION_RESPONSE_FAILURES = [
  {
    errors: ['access_denied'],
    kind: 'denied',
    meaning: 'The user pressed Cancel, or unticked everything.',
    whoMustAct: 'user',
    remedy: 'The app says what it cannot do without the permission, and offers it again later.',
  },
  {
    errors: ['interaction_required', 'immediate_failed'],
    shown: 'also with an `error_subtype` (both seen)',
    kind: 'failed',
    page: 'google_refused',
    meaning:
      'Google was asked to show nothing (`prompt=none`), and would have to. The broker never sends `prompt=none`.',
    whoMustAct: 'user',
    remedy: 'Try again; if it persists, report it.',
  },
  {
    errors: ['server_error', 'temporarily_unavailable'],
    kind: 'failed',
    page: 'google_refused',
    meaning: 'Google is unavailable for a moment.',
    whoMustAct: 'user',
    remedy: 'Try again in a minute.',
  },
  {
    errors: ['org_internal'],
    shown: 'if Google does not show it on its own page',
    kind: 'failed',
    ...ORG_INTERNAL,
  },
  UNKNOWN_ERROR,
  NO_CODE,
] as const satisfies readonly (FailureRow<'denied'> | PageFailureRow<'failed'>)[];

/** The broker's own code. A connect ends with it where the second consent, too, brings none. */
export const NO_REFRESH_TOKEN = {
  errors: ['no_refresh_token'],
  kind: 'failed',
  page: 'no_refresh_token',
  meaning: 'Google gave an access token and no refresh token, although it was asked for one.',
  whoMustAct: 'user',
  remedy:
    'Remove the app at https://myaccount.google.com/connections and connect again; if it persists, report it.',
} as const satisfies PageFailureRow<'failed'>;

/** @param error Google's; null: there was none, and no code either */
export function authorizationResponseFailure(error: string | null) {
  if (error === null) return NO_CODE;
  return (
    findFailure(AUTHORIZATION_RESPONSE_FAILURES, { error, description: '', subtype: null }) ?? UNKNOWN_ERROR
  );
}
