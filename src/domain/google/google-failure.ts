import type { NewRefreshToken } from '../grant/grant.js';
import type { Secret } from '../secret.js';

/**
 * What went wrong at Google, classified once, in google/oauth/classify-failure.ts:
 * - `grant_dead`: this refresh token will never work again; a retry is pointless
 * - `code_rejected`: the authorization code was bad, used or expired
 * - `scope_rejected`: the scopes asked for are not in the grant, or do not exist
 * - `client_rejected`: Google refuses the OAuth client; the operator must act
 * - `policy_rejected`: the user's Workspace administrator forbids this
 * - `service_account_rejected`: Google issues no token to a service account; once remedied at Google it works again
 * - `unavailable`: an outage, a limit, a lost connection; the same request may work later
 * - `withheld`: no request was sent: the circuit is open, or the broker stops. Says nothing of the grant
 */
export type GoogleFailureKind =
  | 'grant_dead'
  | 'code_rejected'
  | 'scope_rejected'
  | 'client_rejected'
  | 'policy_rejected'
  | 'service_account_rejected'
  | 'unavailable'
  | 'withheld';

/** Holds only Google's error code and text, never the request: that holds tokens and codes. */
export class GoogleFailure extends Error {
  override readonly name = 'GoogleFailure';

  constructor(
    readonly kind: GoogleFailureKind,
    /** Google's `error`, or `http_503`, `timeout`, `connection_lost` where it sent none. */
    readonly error: string,
    readonly description: string = '',
    readonly subtype: string | null = null,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(`Google answered ${error}${description ? `: ${description}` : ''}`);
  }
}

/**
 * A token response that cannot be used, and the new refresh token in it. That one must be stored all the same: the former one
 * may not work any more (RFC 6749 section 6).
 */
export class BrokenTokenResponse extends GoogleFailure {
  constructor(
    description: string,
    readonly issued: NewRefreshToken,
    /** Not verified; null where the response has none that is well formed. */
    readonly idToken: Secret | null = null,
  ) {
    super('unavailable', 'invalid_response', description);
  }
}

/** What went wrong at Google Cloud KMS. The message is what it says and what to do; never a key. */
export class KmsFailure extends Error {
  override readonly name = 'KmsFailure';

  /** @param isTransient whether the same request may succeed soon */
  constructor(
    readonly isTransient: boolean,
    message: string,
  ) {
    super(message);
  }
}

/** Whether the same request may succeed soon. */
export function isTransient({ kind }: GoogleFailure): boolean {
  return kind === 'unavailable' || kind === 'withheld';
}

/** Who can remedy a failure. */
export const ACTORS = ['user', 'workspace_admin', 'account_admin', 'operator', 'developer'] as const;

/** `none`: it is transient. */
export type Actor = (typeof ACTORS)[number] | 'none';

/** A row of a table of failures. Meaning and remedy are sentences: answers, pages and commands are made of them. */
export interface FailureRow<Kind = GoogleFailureKind> {
  /** Google's codes. Empty where the description alone decides, and for all others. */
  readonly errors: readonly string[];
  /** Google's `error_subtype`, where it distinguishes rows of one code; one of these. */
  readonly subtypes?: readonly string[];
  /** Google's description, where it distinguishes rows of one code. The first row that matches counts. */
  readonly words?: RegExp;
  /** Where the same code means different things. */
  readonly during?: 'exchange' | 'refresh';
  /** What else the documentation shows of the response: an example of the description, a status. */
  readonly shown?: string;
  readonly kind: Kind;
  readonly meaning: string;
  readonly whoMustAct: Actor;
  readonly remedy: string;
}

/** A row of a failure that can end a connect. */
export interface PageFailureRow<Kind = GoogleFailureKind> extends FailureRow<Kind> {
  /** What a page says to its user: the key of a text in each language (failure-pages.ts). */
  readonly page: string;
}

/** The `connect_error` of an app, by the kind of the failure that ended its connect. */
export const CONNECT_ERRORS = {
  grant_dead: 'code_rejected',
  code_rejected: 'code_rejected',
  scope_rejected: 'scope_rejected',
  client_rejected: 'client_misconfigured',
  policy_rejected: 'policy_rejected',
  service_account_rejected: 'client_misconfigured',
  unavailable: 'google_unavailable',
  withheld: 'google_unavailable',
} as const satisfies Readonly<Record<GoogleFailureKind, string>>;

/** The first row that fits Google's code, subtype and description. */
export function findFailure<Row extends FailureRow<unknown>>(
  rows: readonly Row[],
  { error, description, subtype }: Pick<GoogleFailure, 'error' | 'description' | 'subtype'>,
): Row | null {
  const fits = ({ errors, subtypes, words }: Row) =>
    (errors.length === 0 ? words !== undefined : errors.includes(error)) &&
    (subtypes === undefined || (subtype !== null && subtypes.includes(subtype))) &&
    (words === undefined || words.test(description));
  return rows.find(fits) ?? null;
}

/** A text of a row, with its `{names}` replaced. */
export function withValues(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (all, name: string) => values[name] ?? all);
}

/** @throws what is none */
export function asGoogleFailure(error: unknown): GoogleFailure {
  if (error instanceof GoogleFailure) return error;
  throw error;
}
