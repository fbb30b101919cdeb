import {
  type AccountSubject,
  eventRefused,
  type Remediation,
  securityEventName,
  type SecurityEventName,
  type TokenSubject,
} from '../domain/google/security-event.js';
import { diagnosisOf } from '../domain/grant/diagnosis.js';
import { Secret } from '../domain/secret.js';
import { isPlainText } from '../domain/text.js';

type Details = Readonly<Record<string, unknown>>;

export interface SecurityEvent {
  /** The last part of the type, such as `tokens-revoked`; the whole type where it is unknown. */
  readonly name: string;
  readonly level: 'log' | 'warn';
  /** Null where it concerns no account and no token. */
  readonly remediation: Remediation | null;
  readonly reason?: string;
  readonly state?: string;
}

const PREFIX_LENGTH = 16;
const SHA512_BYTES = 64;

/** What each event causes; docs/security-events.md has the reasons. */
const READERS: Readonly<
  Record<SecurityEventName, (details: Details, issuer: string) => Omit<SecurityEvent, 'name'>>
> = {
  'tokens-revoked': (details, issuer) => ({
    level: 'log',
    remediation: {
      action: 'revoke',
      account: readAccount(details, issuer),
      diagnosis: diagnosisOf('user_revoked', 'certain'),
    },
  }),
  'token-revoked': (details) => ({
    level: 'log',
    remediation: {
      action: 'revoke_token',
      token: readToken(details),
      diagnosis: diagnosisOf('token_revoked', 'certain'),
    },
  }),
  'account-disabled': accountDisabled,
  'account-enabled': (details, issuer) => ({
    level: 'log',
    remediation: { action: 'resume', account: readAccount(details, issuer) },
  }),
  'account-purged': (details, issuer) => ({
    level: 'log',
    remediation: { action: 'delete', account: readAccount(details, issuer), endReason: 'account_purged' },
  }),
  'sessions-revoked': (details, issuer) => ({
    level: 'log',
    remediation: { action: 'drop_access_tokens', account: readAccount(details, issuer) },
  }),
  'account-credential-change-required': (details, issuer) => ({
    level: 'warn',
    remediation: { action: 'note', account: readAccount(details, issuer) },
  }),
  verification: ({ state }) => ({
    level: 'log',
    remediation: null,
    ...(typeof state === 'string' ? { state: plainText('state', state, 256) } : {}),
  }),
};

/**
 * Reads one event of a token.
 * @param issuer of the token: a subject of another issuer is not a Google Account
 * @throws {BrokerError} `invalid_request` when a known event names no account or token
 */
export function readEvent(type: string, details: unknown, issuer: string): SecurityEvent {
  const name = securityEventName(type);
  // Google adds types: an unknown one is accepted and logged.
  if (name === null) return { name: plainText('events', type, 256), level: 'warn', remediation: null };
  if (typeof details !== 'object' || details === null)
    throw eventRefused('invalid_request', 'An event of the token is not a JSON object.');
  return { name, ...READERS[name](details as Details, issuer) };
}

/**
 * For `bulk-account` Google asks for a review, not for action. An unknown reason is treated like no reason: the account
 * is suspended.
 */
function accountDisabled(details: Details, issuer: string): Omit<SecurityEvent, 'name'> {
  const account = readAccount(details, issuer);
  const reason = typeof details['reason'] === 'string' ? plainText('reason', details['reason'], 64) : 'none';
  const remediation: Remediation =
    reason === 'bulk-account'
      ? { action: 'note', account }
      : { action: 'suspend', account, diagnosis: diagnosisOf('account_disabled', 'certain') };
  return { level: 'warn', remediation, reason };
}

/**
 * For the audit trail and the log. PostgreSQL stores no NUL, and neither stores lone surrogates, which cutting could
 * leave.
 */
function plainText(claim: string, value: string, maxLength: number): string {
  if (!isPlainText(value))
    throw eventRefused(
      'invalid_request',
      `${claim}: must hold no control characters and no lone surrogates.`,
    );
  return value.slice(0, maxLength).toWellFormed();
}

/** The account of a subject `iss-sub` or `id_token_claims`; the latter can name it by email only. */
function readAccount(details: Details, issuer: string): AccountSubject {
  const subject = subjectOf(details);
  const type = typeOf(subject);
  const sub = text(subject['sub']);
  const email = text(subject['email']);
  const iss = text(subject['iss']);
  if (iss !== null && issuerName(iss) !== issuerName(issuer))
    throw eventRefused('invalid_request', 'The subject is an account of another issuer.');
  const isNamed =
    (type === 'iss-sub' && sub !== null) ||
    (type === 'id-token-claims' && (sub !== null || email !== null)) ||
    (type === 'email' && email !== null);
  if (!isNamed) throw eventRefused('invalid_request', 'The subject names no account in a known format.');
  return { sub, email };
}

/** The refresh token of a subject `oauth_token`, by either algorithm of Google's guide. */
function readToken(details: Details): TokenSubject {
  const subject = subjectOf(details);
  const { token_type: kind, token_identifier_alg: algorithm, token } = subject;
  if (typeOf(subject) === 'oauth-token' && kind === 'refresh_token' && typeof token === 'string') {
    if (algorithm === 'prefix' && token.length >= PREFIX_LENGTH)
      return { namedBy: 'prefix', name: new Secret(token.slice(0, PREFIX_LENGTH)) };
    const hash = Buffer.from(token, 'base64');
    // Encoded again: the URL-safe alphabet and missing padding make no difference.
    if (algorithm === 'hash_base64_sha512_sha512' && hash.length === SHA512_BYTES)
      return { namedBy: 'double_hash', name: new Secret(hash.toString('base64')) };
  }
  throw eventRefused('invalid_request', 'The subject names no refresh token in a known format.');
}

function subjectOf({ subject }: Details): Details {
  if (typeof subject === 'object' && subject !== null) return subject as Details;
  throw eventRefused('invalid_request', 'The event has no subject.');
}

/** The drafts of the standard differ in `iss-sub` and `iss_sub`. */
function typeOf(subject: Details): string {
  return text(subject['subject_type'])?.replaceAll('_', '-') ?? '';
}

/** Google writes its issuer with and without scheme and final slash. */
function issuerName(issuer: string): string {
  return issuer.replace(/^https?:\/\//, '').replace(/\/$/, '');
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= 320 && isPlainText(value)
    ? value
    : null;
}
