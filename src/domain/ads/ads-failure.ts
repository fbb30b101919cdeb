import { type FailureRow, findFailure } from '../google/google-failure.js';

/**
 * What went wrong at the Google Ads API, classified once, in google/ads/classify-ads-failure.ts:
 * - `refused`: this user may not do this with this account, at least not through this root
 * - `closed`: the account is cancelled, or not yet active
 * - `blocked`: the account refuses for a reason of its own, until that is remedied
 * - `no_ads_user`: the Google Account belongs to no Google Ads account at all
 * - `token_rejected`: Google does not accept the access token, or finds a scope missing in it
 * - `project_rejected`: Google refuses the project, the version of the API or the request; the operator must act
 * - `unavailable`: an outage, a quota, a lost connection; the same request may work later
 */
export type AdsFailureKind =
  | 'refused'
  | 'closed'
  | 'blocked'
  | 'no_ads_user'
  | 'token_rejected'
  | 'project_rejected'
  | 'unavailable';

/** What a failure is about: `account` leaves all other accounts usable, `user` all other users, `project` nothing. */
type AdsConcern = 'account' | 'user' | 'project' | 'none';

export const ADS_CONCERNS: Readonly<Record<AdsFailureKind, AdsConcern>> = {
  refused: 'account',
  closed: 'account',
  blocked: 'account',
  no_ads_user: 'user',
  token_rejected: 'user',
  project_rejected: 'project',
  unavailable: 'none',
};

/** A code as Google writes it in its answers. */
export const ADS_ERROR_CODE = /^[A-Z0-9_]{2,80}$/;

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

/** Also what is said of a version before and after its sunset. */
export const UNSUPPORTED_VERSION = {
  errors: ['UNSUPPORTED_VERSION', 'UNIMPLEMENTED', 'http_404', 'http_501'],
  kind: 'project_rejected',
  meaning: 'Google no longer serves the version in `GOOGLE_ADS_API_VERSION`.',
  whoMustAct: 'operator',
  remedy: 'Set `GOOGLE_ADS_API_VERSION` to a newer one.',
} as const satisfies FailureRow<AdsFailureKind>;

/**
 * In the form of oauth-failures.ts, by codes of GoogleAdsFailure and of Google's ErrorInfo.
 * https://developers.google.com/google-ads/api/docs/common-errors
 */
export const ADS_FAILURES: readonly FailureRow<AdsFailureKind>[] = [
  {
    errors: [
      'USER_PERMISSION_DENIED',
      'ACTION_NOT_PERMITTED',
      'AUTHORIZATION_ERROR',
      'INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION',
    ],
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
    errors: ['TWO_STEP_VERIFICATION_NOT_ENROLLED'],
    kind: 'blocked',
    meaning: 'The account admits only users with 2-Step Verification, and this user has it turned off.',
    whoMustAct: 'user',
    remedy: 'Turn it on at https://myaccount.google.com/security and connect again.',
  },
  {
    errors: ['ADVANCED_PROTECTION_NOT_ENROLLED'],
    kind: 'blocked',
    meaning:
      'The account admits only users of the Advanced Protection Program, and this user is not enrolled.',
    whoMustAct: 'user',
    remedy: 'Enroll at https://landing.google.com/advancedprotection and connect again.',
  },
  {
    errors: ['INCOMPLETE_SIGNUP'],
    kind: 'blocked',
    meaning: 'The sign-up of the account was not finished.',
    whoMustAct: 'account_admin',
    remedy: 'Sign in at https://ads.google.com and finish it.',
  },
  {
    errors: ['ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT'],
    kind: 'blocked',
    meaning: 'Google suspended the account.',
    whoMustAct: 'account_admin',
    remedy: 'Sign in at https://ads.google.com: the account says why, and how to appeal.',
  },
  {
    errors: ['MISSING_TOS'],
    kind: 'blocked',
    meaning: 'The terms of service of the Google Ads API were not accepted.',
    whoMustAct: 'operator',
    remedy: 'Accept them at https://console.cloud.google.com/google/ads-apis/overview.',
  },
  {
    errors: ['SERVICE_ACCESS_DENIED'],
    kind: 'blocked',
    meaning: 'The access level of the Google Cloud project does not include this service.',
    whoMustAct: 'operator',
    remedy: 'Apply for a higher level at https://console.cloud.google.com/google/ads-apis/overview.',
  },
  {
    errors: ['ACCESS_DENIED_FOR_ACCOUNT_TYPE'],
    kind: 'blocked',
    meaning: 'The account belongs to another ads system of Google, such as Search Ads 360.',
    whoMustAct: 'developer',
    remedy: 'Call the API of that system.',
  },
  {
    errors: ['NOT_ADS_USER'],
    kind: 'no_ads_user',
    meaning: 'The Google Account belongs to no Google Ads account.',
    whoMustAct: 'account_admin',
    remedy: 'Invite the user.',
  },
  {
    errors: [
      'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
      'AUTHENTICATION_ERROR',
      'OAUTH_TOKEN_INVALID',
      'OAUTH_TOKEN_EXPIRED',
      'OAUTH_TOKEN_DISABLED',
      'OAUTH_TOKEN_REVOKED',
      'OAUTH_TOKEN_HEADER_INVALID',
      'GOOGLE_ACCOUNT_DELETED',
      'GOOGLE_ACCOUNT_AUTHENTICATION_FAILED',
      'GOOGLE_ACCOUNT_USER_AND_ADS_USER_MISMATCH',
      'GOOGLE_ACCOUNT_COOKIE_INVALID',
      'LOGIN_COOKIE_INVALID',
      'LOGIN_COOKIE_REQUIRED',
      'INVALID_EMAIL_ADDRESS',
      'USER_ID_INVALID',
    ],
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
  UNSUPPORTED_VERSION,
  {
    // Test accounts stay usable.
    errors: ['CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION', 'DEVELOPER_TOKEN_NOT_APPROVED'],
    kind: 'blocked',
    meaning: "The client's Google Cloud project has Test access: it may call test accounts only.",
    whoMustAct: 'operator',
    remedy:
      'Apply for Explorer or Basic access at https://console.cloud.google.com/google/ads-apis/overview.',
  },
  {
    errors: [
      'PROJECT_DISABLED',
      'CLOUD_PROJECT_NOT_UNDER_ORGANIZATION',
      'ORGANIZATION_NOT_RECOGNIZED',
      'ORGANIZATION_NOT_APPROVED',
      'ORGANIZATION_NOT_ASSOCIATED_WITH_DEVELOPER_TOKEN',
      'DEVELOPER_TOKEN_INVALID',
      'DEVELOPER_TOKEN_NOT_ON_ALLOWLIST',
      'DEVELOPER_TOKEN_PROHIBITED',
      'METRIC_ACCESS_DENIED',
    ],
    kind: 'project_rejected',
    meaning: 'Google does not admit the Google Cloud project, or the organization that it belongs to.',
    whoMustAct: 'operator',
    remedy: 'See what is missing at https://console.cloud.google.com/google/ads-apis/overview.',
  },
  {
    errors: ['PERMISSION_DENIED', 'SERVICE_DISABLED'],
    kind: 'project_rejected',
    meaning: "The API is not enabled in the client's Google Cloud project.",
    whoMustAct: 'operator',
    remedy: 'Enable it in the console.',
  },
  {
    errors: ['CLIENT_CUSTOMER_ID_INVALID'],
    kind: 'project_rejected',
    meaning: 'The customer id of a request of the broker is not a number.',
    whoMustAct: 'operator',
    remedy: 'Report it to the developers of the broker.',
  },
  UNKNOWN,
];

/** What a failure means, who must act and what to do. */
export function explainAdsFailure({
  kind,
  error,
  description,
}: Pick<AdsFailure, 'kind' | 'error' | 'description'>): FailureRow<AdsFailureKind> {
  const rows = ADS_FAILURES.filter((row) => row.kind === kind);
  const known = findFailure(rows, { error, description, subtype: null });
  return known ?? rows.find(({ errors }) => errors.length === 0) ?? UNKNOWN;
}
