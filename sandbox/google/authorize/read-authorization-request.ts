/** Parses and validates an authorization request. Its errors are shown on Google's own page, never redirected. */
import type { Google, StandInClient } from '../google.js';
import { singleValues } from '../incoming.js';
import type { Parameters } from '../incoming.js';
import { refuseAuthorization } from '../refusals.js';
import { canonicalScopes, isKnownShape, splitScopes } from '../scopes.js';

export interface AuthorizationRequest {
  client: StandInClient;
  redirectUri: string;
  scopes: string[];
  state: string | undefined;
  offline: boolean;
  includeGrantedScopes: boolean;
  prompts: Set<string>;
  loginHint: string | undefined;
  hostedDomain: string | undefined;
  nonce: string | undefined;
  challenge: { value: string; method: 'S256' | 'plain' } | undefined;
}

const invalid = (text: string) => refuseAuthorization('invalid_request', text);

export function readAuthorizationRequest(google: Google, query: Parameters): AuthorizationRequest {
  const asked = singleValues(query, invalid);
  const required = (name: string): string => {
    const value = asked[name];
    if (value === undefined) throw invalid(`Missing required parameter: ${name}`);
    return value;
  };
  const client = readClient(google, required('client_id'));
  const redirectUri = required('redirect_uri');
  if (!acceptsRedirectUri(client, redirectUri)) throw refuseAuthorization('redirect_uri_mismatch');
  if (required('response_type') !== 'code') throw refuseAuthorization('unsupported_response_type');
  return {
    client,
    redirectUri,
    scopes: readScopes(required('scope')),
    state: asked['state'],
    offline: oneOf('access_type', asked['access_type'], ['online', 'offline']) === 'offline',
    includeGrantedScopes: asked['include_granted_scopes'] === 'true',
    prompts: readPrompts(asked['prompt']),
    loginHint: asked['login_hint'],
    hostedDomain: asked['hd'],
    nonce: asked['nonce'],
    challenge: readChallenge(asked['code_challenge'], asked['code_challenge_method']),
  };
}

function readClient(google: Google, clientId: string): StandInClient {
  const client = google.clients.get(clientId);
  if (!client) throw refuseAuthorization('invalid_client');
  const status = google.settings.clientStatus.get(clientId);
  if (status) throw refuseAuthorization(status);
  return client;
}

/** Google's guide: a web client's URI must match exactly; a desktop app's may be any loopback port. */
function acceptsRedirectUri(client: StandInClient, redirectUri: string): boolean {
  if (client.redirectUris.includes(redirectUri)) return true;
  if (client.kind === 'web' || !URL.canParse(redirectUri)) return false;
  const { protocol, hostname } = new URL(redirectUri);
  return protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

function readScopes(text: string): string[] {
  const scopes = splitScopes(text);
  const unknown = scopes.filter((scope) => !isKnownShape(scope));
  if (unknown.length > 0) {
    const known = scopes.filter(isKnownShape);
    throw refuseAuthorization(
      'invalid_scope',
      `Some requested scopes were invalid. {valid=[${known.join(', ')}], invalid=[${unknown.join(', ')}]}`,
    );
  }
  return canonicalScopes(scopes);
}

function oneOf(name: string, value: string | undefined, allowed: string[]): string | undefined {
  if (value !== undefined && !allowed.includes(value))
    throw invalid(`Invalid parameter value for ${name}: ${value}`);
  return value;
}

function readPrompts(text: string | undefined): Set<string> {
  const prompts = new Set(splitScopes(text ?? ''));
  for (const prompt of prompts) oneOf('prompt', prompt, ['none', 'consent', 'select_account']);
  if (prompts.has('none') && prompts.size > 1)
    throw invalid('Invalid parameter value for prompt: none must be alone');
  return prompts;
}

function readChallenge(
  value: string | undefined,
  method: string | undefined,
): AuthorizationRequest['challenge'] {
  if (value === undefined) {
    if (method !== undefined) throw invalid('code_challenge_method without code_challenge');
    return undefined;
  }
  oneOf('code_challenge_method', method, ['S256', 'plain']);
  // RFC 7636 section 4.2: a S256 challenge is a SHA-256 in base64url, 43 characters.
  if (!(method === 'S256' ? /^[\w-]{43}$/ : /^[\w.~-]{43,128}$/).test(value)) {
    throw invalid('Invalid parameter value for code_challenge');
  }
  return { value, method: method === 'S256' ? 'S256' : 'plain' };
}
