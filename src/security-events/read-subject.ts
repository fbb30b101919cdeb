import { type AccountSubject, eventRefused, type TokenSubject } from '../domain/google/security-event.js';
import { Secret } from '../domain/secret.js';
import { isPlainText } from '../domain/text.js';

type Details = Readonly<Record<string, unknown>>;

const PREFIX_LENGTH = 16;
const SHA512_BYTES = 64;

/** The account of a subject `iss-sub` or `id_token_claims`; the latter can name it by email only. */
export function readAccount(details: Details, issuer: string): AccountSubject {
  const subject = subjectOf(details);
  const type = typeOf(subject);
  const sub = text(subject['sub']);
  const email = text(subject['email']);
  const iss = text(subject['iss']);
  if (iss !== null && bare(iss) !== bare(issuer))
    throw eventRefused('invalid_request', 'The subject is an account of another issuer.');
  const isNamed =
    (type === 'iss-sub' && sub !== null) ||
    (type === 'id-token-claims' && (sub !== null || email !== null)) ||
    (type === 'email' && email !== null);
  if (!isNamed)
    throw eventRefused('invalid_request', 'The subject does not name an account in a way known here.');
  return { sub, email };
}

/** The refresh token of a subject `oauth_token`, by either algorithm of Google's guide. */
export function readToken(details: Details): TokenSubject {
  const subject = subjectOf(details);
  const { token_type: kind, token_identifier_alg: algorithm, token } = subject;
  if (typeOf(subject) === 'oauth-token' && kind === 'refresh_token' && typeof token === 'string') {
    if (algorithm === 'prefix' && token.length >= PREFIX_LENGTH)
      return { namedBy: 'prefix', name: new Secret(token.slice(0, PREFIX_LENGTH)) };
    const hash = Buffer.from(token, 'base64');
    // Written anew, so that the URL-safe alphabet and missing padding make no difference.
    if (algorithm === 'hash_base64_sha512_sha512' && hash.length === SHA512_BYTES)
      return { namedBy: 'double_hash', name: new Secret(hash.toString('base64')) };
  }
  throw eventRefused('invalid_request', 'The subject does not name a refresh token in a way known here.');
}

function subjectOf({ subject }: Details): Details {
  if (typeof subject === 'object' && subject !== null) return subject as Details;
  throw eventRefused('invalid_request', 'The event has no subject.');
}

/** The drafts of the standard differ in `iss-sub` and `iss_sub`. */
function typeOf(subject: Details): string {
  return text(subject['subject_type'])?.replaceAll('_', '-') ?? '';
}

/** Google writes itself with and without scheme and final slash. */
function bare(issuer: string): string {
  return issuer.replace(/^https?:\/\//, '').replace(/\/$/, '');
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= 320 && isPlainText(value)
    ? value
    : null;
}
