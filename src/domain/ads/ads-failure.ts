import { type FailureRow, findFailure } from '../google/google-failure.js';

/**
 * What went wrong at the Google Ads API, classified once, in google/ads/classify-ads-failure.ts:
 * - `refused`: this user may not do this with this account, at least not through this root
 * - `closed`: the account is cancelled, or not yet active
 * - `no_ads_user`: the Google Account belongs to no Google Ads account at all
 * - `token_rejected`: Google does not accept the access token, or finds a scope missing in it
 * - `project_rejected`: Google refuses the project, the version of the API or the request; the operator must act
 * - `unavailable`: an outage, a quota, a lost connection; the same request may work later
 */
export type AdsFailureKind =
  | 'refused'
  | 'closed'
  | 'no_ads_user'
  | 'token_rejected'
  | 'project_rejected'
  | 'unavailable';

/** Holds only Google's error code and text, never the request: that holds a token. */
export class AdsFailure extends Error {
  override readonly name = 'AdsFailure';

  constructor(
    readonly kind: AdsFailureKind,
    /** Google's code, such as `USER_PERMISSION_DENIED`; `http_503`, `timeout`, `connection_lost` where it sent none. */
    readonly error: string,
    readonly description: string = '',
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(`Google Ads answered ${error}${description ? `: ${description}` : ''}`);
  }
}

const UNKNOWN: FailureRow<AdsFailureKind> = {
  errors: [],
  shown: 'any other',
  kind: 'project_rejected',
  meaning: 'Not known to the broker.',
  whoMustAct: 'operator',
  remedy: "Look it up in Google's documentation.",
};

/**
 * In the form of oauth-failures.ts, by codes of GoogleAdsFailure and of Google's ErrorInfo.
 * https://developers.google.com/google-ads/api/docs/common-errors
 */
export const ADS_FAILURES: readonly FailureRow<AdsFailureKind>[] = [
  {
    errors: ['USER_PERMISSION_DENIED', 'ACTION_NOT_PERMITTED'],
    kind: 'refused',
    meaning: 'This user may not do this here, or not through this root.',
    whoMustAct: 'account_admin',
    remedy: 'Invite the user to the account, or give a stronger role.',
  },
  {
    errors: ['CUSTOMER_NOT_ENABLED', 'CUSTOMER_NOT_FOUND'],
    kind: 'closed',
    meaning: 'The account is cancelled, or not active yet.',
    whoMustAct: 'account_admin',
    remedy: 'Activate the account again.',
  },
  {
    errors: ['NOT_ADS_USER'],
    kind: 'no_ads_user',
    meaning: 'The Google Account belongs to no Google Ads account.',
    whoMustAct: 'account_admin',
    remedy: 'Invite the user.',
  },
  {
    errors: ['ACCESS_TOKEN_SCOPE_INSUFFICIENT'],
    shown: '401 `UNAUTHENTICATED`',
    kind: 'token_rejected',
    meaning: 'The token ended before its time, or lacks the scope.',
    whoMustAct: 'none',
    remedy: 'The broker refreshes the token once; a dead grant shows in that.',
  },
  {
    errors: ['RESOURCE_EXHAUSTED', 'RESOURCE_TEMPORARILY_EXHAUSTED'],
    shown: '429',
    kind: 'unavailable',
    meaning: 'A quota is used up.',
    whoMustAct: 'none',
    remedy: "Try again after Google's delay; if it comes often, the operator asks Google for more quota.",
  },
  {
    errors: [],
    shown: '5xx, 408, an HTML page, no response',
    kind: 'unavailable',
    meaning: 'An outage. The broker retries once.',
    whoMustAct: 'none',
    remedy: 'Try again later.',
  },
  {
    errors: ['UNSUPPORTED_VERSION'],
    kind: 'project_rejected',
    meaning: '`GOOGLE_ADS_API_VERSION` is not served any more.',
    whoMustAct: 'operator',
    remedy: 'Set a newer version.',
  },
  {
    errors: ['PERMISSION_DENIED', 'SERVICE_DISABLED'],
    kind: 'project_rejected',
    meaning: "The API is not enabled in the client's Google Cloud project.",
    whoMustAct: 'operator',
    remedy: 'Enable it in the console.',
  },
  UNKNOWN,
];

/** What a failure means, who must act and what to do. */
export function explainAdsFailure({ kind, error, description }: AdsFailure): FailureRow<AdsFailureKind> {
  const rows = ADS_FAILURES.filter((row) => row.kind === kind);
  const known = findFailure(rows, { error, description, subtype: null });
  return known ?? rows.find(({ errors }) => errors.length === 0) ?? UNKNOWN;
}
