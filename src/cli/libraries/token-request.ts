/**
 * Asks the broker's token endpoint for an access token, as Google's libraries do: by token exchange (RFC 8693), or with a
 * delegated credential as refresh token (RFC 6749 section 6). Owns the request and what its response means. Does not own
 * when to ask, nor what becomes of the token (token-cache.ts).
 */
import { ACCESS_TOKEN_TYPE, JWT_TYPE } from '../../domain/google/oauth.js';
import { readTextFile } from '../../config/configuration-files.js';
import { Secret } from '../../domain/secret.js';
import { audienceOf, type BrokerAddress, causeOf, IssuerUnknown, type TokenOwner } from './broker-address.js';
import { type LibraryTokenSource, tokenUrlOf, type UrlSource } from './token-source.js';

export type TokenOutcome = GivenToken | Refusal | Unavailable;

export interface GivenToken {
  readonly kind: 'token';
  readonly accessToken: Secret;
  readonly expiresInSeconds: number;
  readonly scopes: readonly string[];
}

/** The broker's own. Asking again changes nothing until a person does something. */
export interface Refusal {
  readonly kind: 'refused';
  /** A code of RFC 6749 section 5.2. */
  readonly error: string;
  /** The broker's own code for it, which says more. */
  readonly code: string;
  /** What to do, with the link where there is one. A link can be another one each time. */
  readonly message: string;
}

export interface Unavailable {
  readonly kind: 'unavailable';
  readonly message: string;
  readonly retryAfterSeconds: number | null;
}

export interface TokenQuestion {
  readonly broker: BrokerAddress;
  readonly source: Exclude<LibraryTokenSource, UrlSource>;
  /** Null with a delegated credential, which has its own. */
  readonly subject: TokenOwner | null;
  /** Ends a request that nothing waits for any more. */
  readonly signal?: AbortSignal;
}

/** Longer than the broker waits for Google. */
const TIMEOUT_MS = 30_000;
const MAX_BYTES = 64 * 1024;

/** @param scopes empty: those of the policy and the grant */
export async function requestToken(
  question: TokenQuestion,
  scopes: readonly string[],
): Promise<TokenOutcome> {
  const { broker, source, subject, signal } = question;
  const body = await formOf(question, scopes);
  if (!(body instanceof URLSearchParams)) return body;
  const { send } = await import('../../outbound/http-client.js');
  try {
    const headers = { accept: 'application/json' };
    const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, signal };
    const tokenUrl = tokenUrlOf(broker.origin, source, subject);
    const response = await send(tokenUrl, { method: 'POST', headers, body, ...limits });
    const { status, headers: found, body: text } = response;
    return outcomeOf(status, found.get('retry-after'), membersOf(text), tokenUrl);
  } catch (error) {
    return unavailable(`The broker at ${broker.origin} cannot be reached (${causeOf(error)}).`);
  }
}

async function formOf(
  { broker, source, subject, signal }: TokenQuestion,
  scopes: readonly string[],
): Promise<URLSearchParams | Unavailable> {
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
  if (source.kind === 'credential' || subject === null) {
    const credential = source.kind === 'credential' ? source.credential.reveal() : '';
    return new URLSearchParams({ grant_type: 'refresh_token', refresh_token: credential, ...scope });
  }
  const issuer = await issuerOf(broker, signal);
  if (typeof issuer !== 'string') return issuer;
  const subjectToken = readSubjectToken(source.file);
  if (!(subjectToken instanceof Secret)) return subjectToken;
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken.reveal(),
    subject_token_type: source.kind === 'jwt' ? JWT_TYPE : ACCESS_TOKEN_TYPE,
    requested_token_type: ACCESS_TOKEN_TYPE,
    audience: audienceOf(issuer, subject),
    ...scope,
  });
}

/** An audience that begins with another address is refused for good, so none is guessed while the broker is away. */
async function issuerOf(
  { origin, issuer }: BrokerAddress,
  signal?: AbortSignal,
): Promise<string | Unavailable> {
  try {
    return await issuer(signal);
  } catch (error) {
    if (!(error instanceof IssuerUnknown)) throw error;
    return unavailable(
      `The broker at ${origin} does not say its issuer (${error.message}). If it is another address than PUBLIC_URL, set TOKEN_BROKER_URL to it and PUBLIC_URL to the issuer, without --broker.`,
    );
  }
}

/** Each time: a platform replaces its JWT long before it expires. While it does, the file may be missing for a moment. */
function readSubjectToken(file: string): Secret | Unavailable {
  try {
    const text = readTextFile(file).trim();
    return text === '' ? unavailable(`${file} is empty.`) : new Secret(text);
  } catch (error) {
    return unavailable(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
  }
}

type Members = Readonly<Record<string, unknown>>;

function outcomeOf(
  status: number,
  retryAfter: string | null,
  members: Members | null,
  tokenUrl: string,
): TokenOutcome {
  const said = members === null ? '' : textOf(members['error_description']);
  if (status === 408 || status === 429 || status >= 500)
    return unavailable(said || `The broker answers ${status}.`, secondsOf(retryAfter));
  const token = status === 200 && members !== null ? tokenOf(members) : null;
  if (token) return token;
  const error = members === null ? '' : textOf(members['error']);
  const code = members === null ? '' : textOf(members['code']);
  // While the broker is gone, a router or a login page may answer: that ends no access.
  if (members === null || !isOAuthError(error) || code === '')
    return unavailable(
      `${tokenUrl} is not the token endpoint of a broker (HTTP ${status}). Check the address.`,
      secondsOf(retryAfter),
    );
  const link = textOf(members['error_uri']);
  return {
    kind: 'refused',
    error,
    code,
    message: link === '' || said.includes(link) ? said : `${said} ${link}`,
  };
}

/** Of the form that RFC 6749 section 5.2 gives them; frameworks write texts such as `Not Found` there. */
function isOAuthError(error: string): boolean {
  return /^[a-z_]+$/.test(error);
}

function tokenOf(members: Members): GivenToken | null {
  const { access_token: token, token_type: type, expires_in: seconds, scope } = members;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return null;
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') return null;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return null;
  const scopes = typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [];
  return { kind: 'token', accessToken: new Secret(token), expiresInSeconds: seconds, scopes };
}

function membersOf(text: string): Members | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Members) : null;
  } catch {
    return null;
  }
}

/** It is shown on a terminal and in a header-like line of logs: no control characters. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/\p{Cc}+/gu, ' ').trim() : '';
}

function secondsOf(retryAfter: string | null): number | null {
  return retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null;
}

function unavailable(message: string, retryAfterSeconds: number | null = null): Unavailable {
  return { kind: 'unavailable', message, retryAfterSeconds };
}
