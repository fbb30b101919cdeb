/**
 * What each failure of Google's OAuth endpoints means, who must act, and what to do: the one source for the broker's
 * answers, its pages, the command line and docs/google-errors.md, which a test compares. In the same form: authorization
 * responses in authorization-failures.ts, failures without a code of Google's in local-failures.ts, of service accounts in
 * service-account.ts, of the RISC API in risc-failures.ts, of the Google Ads API in ads/ads-failure.ts, and why a grant is
 * dead in dead-grants.ts.
 * Does not own how a response is parsed and classified (google/oauth/classify-failure.ts).
 */
import { AUTHORIZATION_RESPONSE_FAILURES, ORG_INTERNAL } from './authorization-failures.js';
import { DEAD_GRANTS, SESSION_CONTROL_SUBTYPES } from './dead-grants.js';
import { type FailureRow, findFailure, type GoogleFailure, type PageFailureRow } from './google-failure.js';
import { LOCAL_FAILURES, UNUSABLE_RESPONSE } from './local-failures.js';

/** Since June 2025 Google shows a secret once: a JSON that is downloaded later lacks it. */
export const ADD_SECRET =
  'Add a new secret to the client in the Google console (Clients), and download its JSON then: Google shows a secret only once.';
const ADD_SECRET_AND_RESTART = `${ADD_SECRET} Restart the broker with it.`;

/** Which of the reasons of dead-grants.ts it was, Google does not say. */
export const DEAD_REFRESH_TOKEN = {
  errors: ['invalid_grant'],
  during: 'refresh',
  shown: 'in a refresh',
  kind: 'grant_dead',
  meaning:
    'Google does not accept the refresh token: it was revoked, has expired, or belongs to another client, or the Google ' +
    'Account was deleted or disabled.',
  whoMustAct: 'user',
  remedy: 'The user must connect again.',
} as const;

/** Of a code exchange or a refresh: RFC 6749 section 5.2, Google's own, and those seen in practice. */
export const TOKEN_ENDPOINT_FAILURES = [
  {
    errors: ['invalid_grant'],
    subtypes: SESSION_CONTROL_SUBTYPES,
    during: 'refresh',
    kind: 'grant_dead',
    ...DEAD_GRANTS.session_control,
  },
  DEAD_REFRESH_TOKEN,
  {
    errors: ['invalid_grant'],
    during: 'exchange',
    shown: 'in a connect',
    kind: 'code_rejected',
    page: 'code_rejected',
    meaning:
      'Google did not accept the code: it was used before, is older than 10 minutes, was cut, or its PKCE verifier does not fit.',
    whoMustAct: 'user',
    remedy: 'Connect again.',
  },
  {
    errors: ['admin_policy_enforced'],
    kind: 'policy_rejected',
    page: 'policy_rejected',
    ...DEAD_GRANTS.admin_policy_enforced,
  },
  {
    errors: ['invalid_client'],
    words: /secret/i,
    shown: '"The provided client secret is invalid."',
    kind: 'client_rejected',
    page: 'client_misconfigured',
    meaning: "The client's secret was replaced in the Google console.",
    whoMustAct: 'operator',
    remedy: `${ADD_SECRET_AND_RESTART} Grants stay.`,
  },
  {
    errors: ['invalid_client'],
    shown: '"The OAuth client was not found."',
    kind: 'client_rejected',
    page: 'client_misconfigured',
    meaning: 'Google knows no client with this id.',
    whoMustAct: 'operator',
    remedy:
      'Compare the `client_id` of its JSON with the Google console (Clients); if the client was deleted, restore it or create a new one. ' +
      '`token-broker client check` says whether Google knows it.',
  },
  {
    errors: ['deleted_client', 'disabled_client'],
    kind: 'client_rejected',
    page: 'client_misconfigured',
    meaning: 'The client was deleted or disabled.',
    whoMustAct: 'operator',
    remedy: 'Restore or enable it in the Google console (Clients), or create a new client.',
  },
  {
    errors: ['unauthorized_client'],
    kind: 'client_rejected',
    page: 'client_misconfigured',
    meaning: 'The refresh token was issued to another client.',
    whoMustAct: 'operator',
    remedy:
      'Check whether an alias in `GOOGLE_CLIENT_SECRETS` names another client than it did, and put the former one back.',
  },
  {
    errors: ['invalid_request'],
    words: /client/i,
    shown: '"client_secret is missing."',
    kind: 'client_rejected',
    page: 'client_misconfigured',
    meaning: "The client's JSON holds no secret that Google accepts.",
    whoMustAct: 'operator',
    remedy: ADD_SECRET_AND_RESTART,
  },
  {
    errors: ['invalid_request'],
    shown: 'other texts',
    kind: 'unavailable',
    page: 'google_unavailable',
    meaning: 'Unclear; may be transient.',
    whoMustAct: 'none',
    remedy: 'Try again; if it persists, report it.',
  },
  {
    errors: ['redirect_uri_mismatch'],
    kind: 'client_rejected',
    page: 'client_misconfigured',
    meaning: 'The exchange names another address than the consent did: `PUBLIC_URL` changed in between.',
    whoMustAct: 'operator',
    remedy:
      "Let the user connect again; if it persists, correct the client's redirect URIs in the Google console, and " +
      '`redirect_uris` in its JSON by hand.',
  },
  {
    errors: ['invalid_scope'],
    during: 'exchange',
    shown: 'in a connect',
    kind: 'scope_rejected',
    page: 'scope_rejected',
    meaning: 'A scope does not exist, or this client may not ask for it.',
    whoMustAct: 'developer',
    remedy: 'Correct `scope`.',
  },
  {
    errors: ['invalid_scope'],
    during: 'refresh',
    shown: 'in a refresh, "Some requested scopes were invalid."',
    kind: 'scope_rejected',
    meaning: 'Google no longer knows a scope of the grant, or it is not enabled for the project.',
    whoMustAct: 'operator',
    remedy: "Look at Data Access in the project's Google console; then the user connects again.",
  },
  {
    errors: ['org_internal'],
    kind: 'client_rejected',
    ...ORG_INTERNAL,
  },
  {
    errors: ['unsupported_grant_type'],
    kind: 'client_rejected',
    page: 'client_misconfigured',
    meaning: 'A bug, or a proxy that changes requests.',
    whoMustAct: 'operator',
    remedy: 'Check proxies on the path, then report it.',
  },
  {
    errors: ['internal_failure', 'server_error', 'temporarily_unavailable'],
    shown: 'any 5xx, 408',
    kind: 'unavailable',
    page: 'google_unavailable',
    meaning: 'Google is unavailable for a moment.',
    whoMustAct: 'none',
    remedy: 'Try again after `Retry-After`.',
  },
  {
    errors: ['rate_limit_exceeded'],
    shown: '429, 403 with a page "User Rate Limit Exceeded" (seen)',
    kind: 'unavailable',
    page: 'google_unavailable',
    meaning: 'The project, or this user, exceeds a rate limit.',
    whoMustAct: 'none',
    remedy: 'Try again after `Retry-After`; if it comes often, the operator asks Google for more quota.',
  },
] as const satisfies readonly (PageFailureRow | (FailureRow & { readonly during: 'refresh' }))[];

export const UNCONFIRMED_REVOCATION = {
  errors: [],
  shown: 'any other, and no response',
  kind: 'unavailable',
  meaning: 'Google has not confirmed the revocation.',
  whoMustAct: 'none',
  remedy: 'No token is issued meanwhile, and the broker asks Google again until it confirms.',
} as const;

/** RFC 7009 section 2.2.1. No revocation fails for good: it is done, or the broker asks again. */
export const REVOCATION_FAILURES = [
  {
    errors: ['invalid_token'],
    kind: 'already_dead',
    meaning: 'The token was dead before.',
    whoMustAct: 'none',
    remedy: 'The grant is disconnected. No other grant ends with it, unless an earlier request took effect.',
  },
  UNCONFIRMED_REVOCATION,
] as const satisfies readonly FailureRow<'already_dead' | 'unavailable'>[];

type TokenEndpointError = (typeof TOKEN_ENDPOINT_FAILURES)[number]['errors'][number];
type AuthorizationResponseError = (typeof AUTHORIZATION_RESPONSE_FAILURES)[number]['errors'][number];

/** A code of Google's that the broker knows. */
export type GoogleErrorCode = TokenEndpointError | AuthorizationResponseError;

export const GOOGLE_ERROR_CODES: readonly GoogleErrorCode[] = [
  ...new Set(
    [...AUTHORIZATION_RESPONSE_FAILURES, ...TOKEN_ENDPOINT_FAILURES].flatMap(({ errors }) => errors),
  ),
];

type ExplainedRow = (typeof TOKEN_ENDPOINT_FAILURES)[number] | (typeof LOCAL_FAILURES)[number];
/** Of a refresh only is what has no page. */
type ExchangeRow = Extract<ExplainedRow, { readonly page: string }>;

type During = NonNullable<FailureRow['during']>;

/** The row by which a response is classified. @returns null for what the table does not name: it counts as transient */
export function tokenEndpointFailure(
  facts: Pick<GoogleFailure, 'error' | 'description' | 'subtype'>,
  during: During,
): FailureRow | null {
  return findFailure(rowsOf(TOKEN_ENDPOINT_FAILURES, during), facts);
}

/** What a failure means, who must act and what to do. */
export function explainFailure(failure: GoogleFailure, during: During): FailureRow {
  return explain(rowsOf([...TOKEN_ENDPOINT_FAILURES, ...LOCAL_FAILURES], during), failure);
}

/** As `explainFailure`, for the exchange of a code: its user sees a page. */
export function explainExchangeFailure(failure: GoogleFailure): ExchangeRow {
  return explain([...TOKEN_ENDPOINT_FAILURES, ...LOCAL_FAILURES].filter(hasPage), failure);
}

function explain<Row extends FailureRow>(
  rows: readonly Row[],
  failure: GoogleFailure,
): Row | typeof UNUSABLE_RESPONSE {
  const sameKind = rows.filter(({ kind }) => kind === failure.kind);
  return findFailure(sameKind, failure) ?? UNUSABLE_RESPONSE;
}

function hasPage(row: ExplainedRow): row is ExchangeRow {
  return 'page' in row;
}

function rowsOf(rows: readonly FailureRow[], during: During): FailureRow[] {
  return rows.filter((row) => row.during === undefined || row.during === during);
}
