/**
 * What the body of POST /connect/tickets asks for, by its purpose: a connect, or the page of a user's grants.
 * Does not own the rules of each member (connect-ticket.dto.ts) nor what the policy of the service allows.
 */
import type { Service } from '../domain/access/policy.js';
import { ANY_CLIENT, type ConnectRequest, type RequiredAccount } from '../domain/connect/connect-request.js';
import { invalidRequest } from '../domain/errors.js';
import type { GoogleClient } from '../domain/google/oauth.js';
import { parseScopes } from '../domain/google/scopes.js';
import type { ConnectTicketDto, RequireAccountDto } from './connect-ticket.dto.js';

/** What has a meaning only on the way to Google. */
const OF_A_CONNECT = ['scope', 'account_hint', 'require_account', 'another_account', 'confirm', 'force'] as const;

export function toConnectRequest(
  service: Service,
  client: GoogleClient,
  body: ConnectTicketDto,
): ConnectRequest {
  return {
    ...partsOf(service, body),
    client: client.alias,
    scopes: parseScopes(body.scope ?? ''),
    accountHint: body.account_hint ?? null,
    requireAccount: toRequiredAccount(body.require_account ?? null),
    anotherAccount: body.another_account,
    confirm: body.confirm,
    force: body.force,
  };
}

/**
 * @param client null: all that the policy allows
 * @throws {BrokerError} `invalid_request`, by member
 */
export function toManageRequest(
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

/** In JSON, null also means "not set". */
function toRequiredAccount(required: RequireAccountDto | null): RequiredAccount | null {
  if (required === null) return null;
  const { email, sub, hd } = required;
  return { email: email ?? undefined, sub: sub ?? undefined, hd: hd ?? undefined };
}
