/**
 * What each failure of Google's OAuth endpoints means, who must act, and what to do: the one source for the broker's
 * answers, its pages, the command line and docs/google-errors.md, which a test compares. In the same form: failures of
 * service accounts in service-account.ts, of the Google Ads API in ads/ads-failure.ts, and why a grant is dead in dead-grants.ts.
 * Does not own how a response is parsed and classified (google/oauth/classify-failure.ts).
 */
import type { GoogleFailure, GoogleFailureKind } from './google-failure.js';

/** Who can remedy a failure; `none`: it is transient. */
export type Actor = 'user' | 'workspace_admin' | 'operator' | 'developer' | 'account_admin' | 'none';

export interface FailureRow<Kind = GoogleFailureKind> {
  /** Google's codes. Empty for what has none, such as a timeout, and for all others. */
  readonly errors: readonly string[];
  /** Google's `error_subtype`, where it distinguishes rows of one code. */
  readonly subtype?: string;
  /** Google's description, where it distinguishes rows of one code. The first row that matches counts. */
  readonly words?: RegExp;
  /** What else the documentation shows of the response: an example of the description, a status. */
  readonly shown?: string;
  readonly kind: Kind;
  readonly meaning: string;
  readonly whoMustAct: Actor;
  readonly remedy: string;
}

/**
 * Of a code exchange or a refresh: RFC 6749 section 5.2, Google's own, and those seen in practice.
 * In an exchange `grant_dead` is `code_rejected`.
 */
export const TOKEN_ENDPOINT_FAILURES = [
  {
    errors: ['invalid_grant'],
    subtype: 'invalid_rapt',
    kind: 'grant_dead',
    meaning: 'The Workspace session is over',
    whoMustAct: 'user',
    remedy: 'Connect again, each time; a Workspace administrator can stop that by trusting this app',
  },
  {
    errors: ['invalid_grant'],
    kind: 'grant_dead',
    meaning: 'The code, or the refresh token, is not valid (any more)',
    whoMustAct: 'user',
    remedy: 'Connect again',
  },
  {
    errors: ['admin_policy_enforced'],
    kind: 'policy_rejected',
    meaning: 'The administrator of the Google Workspace does not allow this app or one of its scopes',
    whoMustAct: 'workspace_admin',
    remedy: 'Allow the app in the Admin console; then the user connects again',
  },
  {
    errors: ['invalid_client'],
    words: /secret/i,
    shown: '"The provided client secret is invalid."',
    kind: 'client_rejected',
    meaning: 'The secret was replaced in the console',
    whoMustAct: 'operator',
    remedy: 'Download the JSON again and restart. Grants stay',
  },
  {
    errors: ['invalid_client'],
    shown: '"The OAuth client was not found."',
    kind: 'client_rejected',
    meaning: 'No client has this id',
    whoMustAct: 'operator',
    remedy:
      'Download the JSON of an existing client; `token-broker client check` says whether Google knows it',
  },
  {
    errors: ['deleted_client', 'disabled_client'],
    kind: 'client_rejected',
    meaning: 'The client was deleted or disabled (seen)',
    whoMustAct: 'operator',
    remedy: 'Restore or enable the client in the console',
  },
  {
    errors: ['unauthorized_client'],
    kind: 'client_rejected',
    meaning: 'The refresh token was issued to another client',
    whoMustAct: 'operator',
    remedy:
      'Check whether an alias in `GOOGLE_CLIENT_SECRETS` names another client than it did, and put the former one back',
  },
  {
    errors: ['invalid_request'],
    words: /client/i,
    shown: '"client_secret is missing."',
    kind: 'client_rejected',
    meaning: 'The JSON holds no secret that Google accepts',
    whoMustAct: 'operator',
    remedy: 'Download the JSON again',
  },
  {
    errors: ['invalid_request'],
    shown: 'other texts',
    kind: 'unavailable',
    meaning: 'Unclear; may be transient',
    whoMustAct: 'none',
    remedy: 'Try again; if it persists, report it',
  },
  {
    errors: ['redirect_uri_mismatch'],
    kind: 'client_rejected',
    meaning: 'The exchange names another address than the consent did: `PUBLIC_URL` changed in between',
    whoMustAct: 'operator',
    remedy: 'Let the user connect again; if it persists, correct the redirect URIs in the console',
  },
  {
    errors: ['invalid_scope'],
    shown: '"Some requested scopes were invalid."',
    kind: 'scope_rejected',
    meaning: 'A scope that the grant does not hold, or that does not exist',
    whoMustAct: 'developer',
    remedy: 'Correct `scope`; in a refresh, let the user connect again',
  },
  {
    errors: ['org_internal'],
    kind: 'client_rejected',
    meaning: 'The app is Internal: only accounts of its own organisation may use it',
    whoMustAct: 'operator',
    remedy: 'Make the app External in the console, or let the user choose an account of the organisation',
  },
  {
    errors: ['unsupported_grant_type'],
    kind: 'client_rejected',
    meaning: 'A bug, or a proxy that changes requests',
    whoMustAct: 'operator',
    remedy: 'Check proxies on the path, then report it',
  },
  {
    errors: ['internal_failure', 'server_error', 'temporarily_unavailable'],
    shown: 'any 5xx, 408',
    kind: 'unavailable',
    meaning: 'Google is unavailable for a moment',
    whoMustAct: 'none',
    remedy: 'Try again after `Retry-After`',
  },
  {
    errors: ['rate_limit_exceeded'],
    shown: '429, 403 with a page "User Rate Limit Exceeded" (seen)',
    kind: 'unavailable',
    meaning: 'The project, or this user, exceeds a rate limit',
    whoMustAct: 'none',
    remedy: 'Try again after `Retry-After`; if it comes often, the operator asks Google for more quota',
  },
  {
    errors: [],
    shown: 'nothing: a timeout, a lost connection, a response that is no JSON or too large',
    kind: 'unavailable',
    meaning: 'The network, or Google',
    whoMustAct: 'none',
    remedy: "Try again; if it persists, the operator checks the broker's outbound network",
  },
] as const satisfies readonly FailureRow[];

/** Of an authorization response: RFC 6749 section 4.1.2.1. */
export const AUTHORIZATION_RESPONSE_FAILURES = [
  {
    errors: ['access_denied'],
    kind: 'denied',
    meaning: 'The user pressed Cancel, or unticked everything',
    whoMustAct: 'user',
    remedy: 'The app says what it cannot do without the permission, and offers it again later',
  },
  {
    errors: ['interaction_required', 'immediate_failed'],
    shown: 'also with an `error_subtype` (both seen)',
    kind: 'failed',
    meaning:
      'Google was asked to show nothing (`prompt=none`), and would have to. The broker never sends `prompt=none`',
    whoMustAct: 'user',
    remedy: 'Try again; if it persists, report it',
  },
  {
    errors: ['server_error', 'temporarily_unavailable'],
    kind: 'failed',
    meaning: 'Google is unavailable for a moment',
    whoMustAct: 'user',
    remedy: 'Try again in a minute',
  },
  {
    errors: [],
    shown: 'another',
    kind: 'failed',
    meaning:
      'Not known to the broker. It is passed on if it looks like an error code, else as `unknown_error`',
    whoMustAct: 'user',
    remedy: "Try again; if it persists, the operator looks it up in Google's documentation",
  },
  {
    errors: [],
    shown: 'none, and no code either',
    kind: 'failed',
    meaning: 'Not as Google sends it. Passed on as `code_missing`',
    whoMustAct: 'user',
    remedy: 'Start again in the app',
  },
] as const satisfies readonly FailureRow<'denied' | 'failed'>[];

type TokenEndpointError = (typeof TOKEN_ENDPOINT_FAILURES)[number]['errors'][number];
type AuthorizationResponseError = (typeof AUTHORIZATION_RESPONSE_FAILURES)[number]['errors'][number];

/** A code of Google's that the broker knows. */
export type GoogleErrorCode = TokenEndpointError | AuthorizationResponseError;

export const GOOGLE_ERROR_CODES: readonly GoogleErrorCode[] = [
  ...new Set(
    [...AUTHORIZATION_RESPONSE_FAILURES, ...TOKEN_ENDPOINT_FAILURES].flatMap(({ errors }) => errors),
  ),
];

type Facts = Pick<GoogleFailure, 'error' | 'description' | 'subtype'>;

/** @returns null for a failure that the table does not name: it counts as transient */
export function tokenEndpointFailure(failure: Facts): FailureRow | null {
  return findFailure<FailureRow>(TOKEN_ENDPOINT_FAILURES, failure);
}

/** The first row that fits Google's code, subtype and description. */
export function findFailure<Row extends FailureRow<unknown>>(
  rows: readonly Row[],
  { error, description, subtype }: Facts,
): Row | null {
  const fits = ({ errors, subtype: named, words }: Row) =>
    errors.includes(error) &&
    (named === undefined || named === subtype) &&
    (words === undefined || words.test(description));
  return rows.find(fits) ?? null;
}
