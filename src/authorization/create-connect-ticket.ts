import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { assertAllowed, assertMay, type Service } from '../domain/access/policy.js';
import type { RequiredAccount } from '../domain/connect/connect-request.js';
import { invalidRequest } from '../domain/errors.js';
import type { GoogleClient } from '../domain/google/oauth.js';
import { parseScopes } from '../domain/google/scopes.js';
import { type ConnectTicketDto, type RequireAccount, REQUIREMENT_RULE } from './connect-ticket.dto.js';
import { type ConnectLink, ConnectTickets } from './connect-ticket.js';

@Injectable()
export class CreateConnectTicket {
  constructor(
    private readonly settings: Settings,
    private readonly links: ConnectTickets,
  ) {}

  /** @throws {BrokerError} `invalid_request` or `not_allowed` */
  async create(service: Service, client: GoogleClient, body: ConnectTicketDto): Promise<ConnectLink> {
    const scopes = parseScopes(body.scope);
    assertAllowed(service, body.user_id, client.alias, scopes);
    if (body.force) assertMay(service, 'force');
    const returnTo = body.return_to ?? null;
    if (returnTo !== null) this.#assertKnownOrigin(returnTo);
    if (body.confirm && returnTo === null) {
      throw invalidRequest({
        return_to: 'is needed with confirm: the app gets the code to confirm with there.',
      });
    }
    return this.links.create({
      serviceId: service.id,
      serviceName: service.name,
      userId: body.user_id,
      client: client.alias,
      scopes,
      accountHint: body.account_hint ?? null,
      requireAccount: readRequirement(body.require_account ?? null),
      anotherAccount: body.another_account,
      returnTo,
      confirm: body.confirm,
      force: body.force,
      linkExpiresAt: null,
    });
  }

  #assertKnownOrigin(returnTo: string): void {
    if (!this.settings.returnToOrigins.includes(new URL(returnTo).origin)) {
      throw invalidRequest({
        return_to: 'must begin with one of the origins in the setting RETURN_TO_ORIGINS.',
      });
    }
  }
}

/** JSON writes "not set" also as null. What is left must say something, or any account would do. */
function readRequirement(given: RequireAccount | null): RequiredAccount | null {
  if (given === null) return null;
  const { email, sub, hd } = given;
  if ([email, sub, hd].every((condition) => condition == null)) {
    throw invalidRequest({ require_account: REQUIREMENT_RULE });
  }
  return { email: email ?? undefined, sub: sub ?? undefined, hd: hd ?? undefined };
}
