import { ACCESS_TOKEN_TYPE } from '../domain/google/oauth.js';
import type { FastifyRequest } from 'fastify';
import { isUserId, USER_ID_RULE } from '../domain/access/user-rule.js';
import { type BrokerError, invalidRequest } from '../domain/errors.js';
import { isScope, parseScopes, SCOPE_LIST_RULE } from '../domain/google/scopes.js';
import { foldEmail, isPlainText } from '../domain/text.js';
import { OAuthRefusal } from '../http/problem/oauth-error.js';
import { formOf } from '../http/token-endpoint.js';
import { type Form, parameterOf } from '../http/validation/form.js';
import { percentDecoded } from '../http/validation/query-text.js';
import { isScopeList } from '../http/validation/validators.js';

/*
 * Reads the parameters of POST /oauth2/token: whose token, and with which scopes. What it does not know is ignored (RFC 6749
 * section 3.2), but not what would change whose token is meant. Does not own the credential (http/token-endpoint.ts).
 */

export interface TokenEndpointRequest {
  readonly userId: string;
  readonly client?: string | undefined;
  readonly account?: string | undefined;
  /** Empty: no particular ones. */
  readonly scopes: readonly string[];
}

/** A signed request to AWS, and no token. */
const AWS_TYPE = /^urn:ietf:params:aws:/;
/** Google's libraries name these where a program named none: a client library's default, and that of a cloud. */
const NOT_ASKED = ['https://www.googleapis.com/auth/cloud-platform', 'https://www.googleapis.com/auth/iam'];

/** @throws {BrokerError} `invalid_request`, and OAuth's code for it */
export function readTokenEndpointRequest(request: FastifyRequest, publicUrl: string): TokenEndpointRequest {
  const form = formOf(request);
  const requested = parameterOf(form, 'requested_token_type');
  if (requested !== undefined && requested !== ACCESS_TOKEN_TYPE)
    throw invalidRequest({ requested_token_type: `must be ${ACCESS_TOKEN_TYPE}, or left out.` });
  const scopes = scopesOf(form);
  const { delegation } = request;
  if (!delegation) return { ...readExchange(form, publicUrl), scopes };
  const { userId, client, account } = delegation;
  return { userId, client: client ?? undefined, account: account ?? undefined, scopes };
}

function readExchange(form: Form, publicUrl: string): Omit<TokenEndpointRequest, 'scopes'> {
  const type = parameterOf(form, 'subject_token_type');
  if (type === undefined) throw invalidRequest({ subject_token_type: 'is missing.' });
  if (AWS_TYPE.test(type))
    throw invalidRequest({ subject_token_type: 'is not supported: send a service key or a JWT.' });
  for (const name of ['actor_token', 'actor_token_type']) {
    if (parameterOf(form, name) !== undefined)
      throw invalidRequest({ [name]: 'is not supported: a service acts for the user of the audience.' });
  }
  if (parameterOf(form, 'resource') !== undefined)
    throw target({ resource: 'is not supported: the audience names the user.' });
  const audience = parameterOf(form, 'audience');
  if (audience === undefined) throw invalidRequest({ audience: `is missing. ${ruleOf(publicUrl)}` });
  return readAudience(audience, publicUrl);
}

const PATH = '/users/';
/** What may stand in a request line, without what ends the segment. */
const SEGMENT = /^[\x21-\x7e]+$/;
const QUERY = ['client', 'account'];

/** By its text: a URL parser would resolve dots, and repair what is malformed. */
function readAudience(audience: string, publicUrl: string): Omit<TokenEndpointRequest, 'scopes'> {
  const origin = audience.slice(0, publicUrl.length);
  if (foldEmail(origin) !== foldEmail(publicUrl) || !audience.startsWith(PATH, publicUrl.length))
    throw target({ audience: `is not of this broker. ${ruleOf(publicUrl)}` });
  const [path = '', ...query] = audience.slice(publicUrl.length + PATH.length).split('?');
  const userId = SEGMENT.test(path) && !/[/#]/.test(path) ? percentDecoded(path) : null;
  if (query.length > 1 || userId === null) throw target({ audience: `is malformed. ${ruleOf(publicUrl)}` });
  if (!isUserId(userId)) throw target({ audience: `names no user: a user id ${USER_ID_RULE}` });
  const named = readQuery(query[0] ?? '');
  if (named === null) throw target({ audience: `has a malformed query. ${ruleOf(publicUrl)}` });
  return { userId, ...named };
}

function readQuery(query: string): { client?: string; account?: string } | null {
  const named: Record<string, string> = {};
  for (const pair of query.split('&').filter(Boolean)) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0));
    const value =
      SEGMENT.test(pair) && !pair.includes('#')
        ? percentDecoded(pair.slice(at + 1).replaceAll('+', ' '))
        : null;
    if (!QUERY.includes(name) || name in named || value === null || !isName(value)) return null;
    named[name] = value;
  }
  return named;
}

/** As the query of GET /tokens/:userId takes them. */
function isName(value: string): boolean {
  return value !== '' && value.length <= 320 && isPlainText(value);
}

function scopesOf(form: Form): string[] {
  const scope = parameterOf(form, 'scope')?.trim();
  if (scope === undefined || scope === '') return [];
  if (!isScopeList(scope, isScope))
    throw new OAuthRefusal('invalid_scope', invalidRequest({ scope: SCOPE_LIST_RULE }));
  return parseScopes(scope).filter((each) => !NOT_ASKED.includes(each));
}

/** RFC 8693 section 2.2.2: the target service is not one that the broker has tokens for. */
function target(errors: Readonly<Record<string, string>>): BrokerError {
  return new OAuthRefusal('invalid_target', invalidRequest(errors));
}

function ruleOf(publicUrl: string): string {
  return `It is ${publicUrl}/users/USER?client=ALIAS&account=ACCOUNT, each percent-encoded; the query may be left out.`;
}
