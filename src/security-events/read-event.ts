import {
  eventRefused,
  type Measure,
  securityEventName,
  type SecurityEventName,
} from '../domain/google/security-event.js';
import type { Diagnosis } from '../domain/grant/grant.js';
import { isPlainText } from '../domain/text.js';
import { readAccount, readToken } from './read-subject.js';

export interface SecurityEvent {
  /** The last part of the type, such as `tokens-revoked`; the whole type where it is unknown. */
  readonly name: string;
  readonly level: 'log' | 'warn';
  /** Null where it concerns no account and no token. */
  readonly measure: Measure | null;
  readonly reason?: string;
  readonly state?: string;
}

type Details = Readonly<Record<string, unknown>>;

/** What follows from which event: docs/security-events.md says why. */
const READ: Readonly<
  Record<SecurityEventName, (details: Details, issuer: string) => Omit<SecurityEvent, 'name'>>
> = {
  'tokens-revoked': (details, issuer) => ({
    level: 'log',
    measure: { action: 'revoke', account: readAccount(details, issuer), diagnosis: USER_REVOKED },
  }),
  'token-revoked': (details) => ({
    level: 'log',
    measure: { action: 'revoke_token', token: readToken(details), diagnosis: TOKEN_REVOKED },
  }),
  'account-disabled': accountDisabled,
  'account-enabled': (details, issuer) => ({
    level: 'log',
    measure: { action: 'resume', account: readAccount(details, issuer) },
  }),
  'account-purged': (details, issuer) => ({
    level: 'log',
    measure: { action: 'forget', account: readAccount(details, issuer), endReason: 'account_purged' },
  }),
  'sessions-revoked': (details, issuer) => ({
    level: 'log',
    measure: { action: 'drop_access_tokens', account: readAccount(details, issuer) },
  }),
  'account-credential-change-required': (details, issuer) => ({
    level: 'warn',
    measure: { action: 'note', account: readAccount(details, issuer) },
  }),
  verification: ({ state }) => ({
    level: 'log',
    measure: null,
    ...(typeof state === 'string' ? { state: plainText('state', state, 256) } : {}),
  }),
};

/**
 * Reads one event of a token.
 * @param issuer of the token: a subject of another issuer is no Google Account
 * @throws {BrokerError} `invalid_request` when a known event does not say whom or what it is about
 */
export function readEvent(type: string, details: unknown, issuer: string): SecurityEvent {
  const name = securityEventName(type);
  // Google adds types; refusing one would not make it any better known.
  if (name === null) return { name: plainText('events', type, 256), level: 'warn', measure: null };
  if (typeof details !== 'object' || details === null)
    throw eventRefused('invalid_request', 'An event of the token is not a JSON object.');
  return { name, ...READ[name](details as Details, issuer) };
}

/**
 * Only mass-made accounts are left as they are: Google asks to look at those, not to act. Any reason that we do not
 * know is taken as seriously as none.
 */
function accountDisabled(details: Details, issuer: string): Omit<SecurityEvent, 'name'> {
  const account = readAccount(details, issuer);
  const reason = typeof details['reason'] === 'string' ? plainText('reason', details['reason'], 64) : 'none';
  const measure: Measure =
    reason === 'bulk-account'
      ? { action: 'note', account }
      : { action: 'suspend', account, diagnosis: ACCOUNT_DISABLED };
  return { level: 'warn', measure, reason };
}

/**
 * What goes into the audit trail and the log. PostgreSQL stores no NUL, and neither of them lone surrogates, which a cut
 * could leave.
 */
function plainText(claim: string, value: string, longest: number): string {
  if (!isPlainText(value))
    throw eventRefused(
      'invalid_request',
      `${claim}: must hold no control characters and no lone surrogates.`,
    );
  return value.slice(0, longest).toWellFormed();
}

const USER_REVOKED: Diagnosis = {
  cause: 'user_revoked',
  confidence: 'certain',
  who_must_act: 'user',
  detail:
    "The app's access to the Google Account was taken away, as Google told us. The user must connect again.",
};

const TOKEN_REVOKED: Diagnosis = {
  cause: 'token_revoked',
  confidence: 'certain',
  who_must_act: 'user',
  detail: 'This refresh token was revoked, as Google told us. The user must connect again.',
};

const ACCOUNT_DISABLED: Diagnosis = {
  cause: 'account_disabled',
  confidence: 'certain',
  who_must_act: 'user',
  detail:
    'Google disabled this Google Account, perhaps because it is in the hands of a stranger. Its owner must recover ' +
    'it with Google; then tokens are issued again by themselves, or once the user connects again.',
};
