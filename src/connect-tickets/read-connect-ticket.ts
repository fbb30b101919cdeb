/**
 * What the body of POST /connect/tickets asks for, by its purpose: a connect, or the page of a user's grants.
 * Does not own the rules of each member (connect-ticket.dto.ts) nor what the policy of the service allows.
 */
import type { GoogleClients } from '../config/google-clients.js';
import type { Service } from '../domain/access/policy.js';
import { ANY_CLIENT, type ConnectRequest, type RequiredAccount } from '../domain/connect/connect-request.js';
import { invalidRequest } from '../domain/errors.js';
import type { GoogleClient, Prompt } from '../domain/google/oauth.js';
import { canonicalScope, parseScopes } from '../domain/google/scopes.js';
import type { ConnectTicketDto, RequireAccountDto, TICKET_PROMPTS } from './connect-ticket.dto.js';

/** Members that only an authorization request uses. */
const OF_A_CONNECT = [
  'scope',
  'reasons',
  'account_hint',
  'require_account',
  'prompt',
  'include_granted_scopes',
  'another_account',
  'confirm',
  'force',
] as const;

/** @throws {BrokerError} `invalid_request`, by member; `not_allowed` for a client that the policy does not cover */
export function toTicketRequest(
  service: Service,
  clients: GoogleClients,
  body: ConnectTicketDto,
): ConnectRequest {
  const named = body.client ?? undefined;
  if (body.purpose !== 'manage') return toConnectRequest(service, clients.pickFor(service, named), body);
  return toManageRequest(service, named === undefined ? null : clients.pickFor(service, named), body);
}

function toConnectRequest(service: Service, client: GoogleClient, body: ConnectTicketDto): ConnectRequest {
  const scopes = parseScopes(body.scope ?? '');
  return {
    ...partsOf(service, body),
    client: client.alias,
    scopes,
    ...(body.reasons == null ? {} : { reasons: toReasons(body.reasons, scopes) }),
    accountHint: body.account_hint ?? null,
    requireAccount: toRequiredAccount(body.require_account ?? null),
    ...(body.prompt == null ? {} : { prompt: toPrompt(body.prompt) }),
    ...(body.include_granted_scopes === false ? { includeGranted: false as const } : {}),
    anotherAccount: body.another_account,
    confirm: body.confirm,
    force: body.force,
  };
}

/** @param client null: all that the policy allows */
function toManageRequest(
  service: Service,
  client: GoogleClient | null,
  body: ConnectTicketDto,
): ConnectRequest {
  const meaningless = OF_A_CONNECT.filter((name) => body[name] != null && body[name] !== false);
  if (meaningless.length > 0) {
    throw invalidRequest(
      Object.fromEntries(meaningless.map((name) => [name, 'has no meaning with the purpose manage.'])),
    );
  }
  return {
    ...partsOf(service, body),
    purpose: 'manage',
    client: client?.alias ?? ANY_CLIENT,
    scopes: [],
    accountHint: null,
    requireAccount: null,
    anotherAccount: false,
    confirm: false,
    force: false,
  };
}

function partsOf({ id: serviceId, name: serviceName }: Service, body: ConnectTicketDto) {
  return {
    serviceId,
    serviceName,
    userId: body.user_id,
    userLabel: body.user_label ?? null,
    locale: body.locale ?? null,
    returnTo: body.return_to ?? null,
    linkExpiresAt: null,
  };
}

function toPrompt(prompt: (typeof TICKET_PROMPTS)[number]): Prompt {
  return prompt === 'select_account consent' ? 'consent select_account' : prompt;
}

/** By the names under which the scopes are stored and shown. */
function toReasons(
  reasons: Readonly<Record<string, string>>,
  scopes: readonly string[],
): Record<string, string> {
  const named = Object.entries(reasons).map(([scope, text]) => [canonicalScope(scope), text] as const);
  const other = named.find(([scope]) => !scopes.includes(scope));
  if (other) throw invalidRequest({ reasons: `names ${other[0]}, which is not in scope.` });
  return Object.fromEntries(named);
}

/** In JSON, null also means "not set". */
function toRequiredAccount(required: RequireAccountDto | null): RequiredAccount | null {
  if (required === null) return null;
  const { email, sub, hd } = required;
  return { email: email ?? undefined, sub: sub ?? undefined, hd: hd ?? undefined };
}
