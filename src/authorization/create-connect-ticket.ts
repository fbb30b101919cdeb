import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { invalidRequest } from '../domain/errors.js';
import type { GoogleClient } from '../domain/google-client.js';
import { demandAllowed, type Service } from '../domain/policy.js';
import { ConnectLinks, type ConnectLink } from '../domain/ports/connect-links.js';
import { parseScopes } from '../domain/scopes.js';
import type { CreateTicketBody } from './create-ticket-body.js';

@Injectable()
export class CreateConnectTicket {
  constructor(
    private readonly settings: Settings,
    private readonly links: ConnectLinks,
  ) {}

  /** @throws {BrokerError} `invalid_request` or `not_allowed` */
  async create(service: Service, client: GoogleClient, body: CreateTicketBody): Promise<ConnectLink> {
    const scopes = parseScopes(body.scope);
    demandAllowed(service, body.user_id, client.alias, scopes);
    if (body.return_to !== undefined) this.#demandKnownOrigin(body.return_to);
    if (body.confirm && body.return_to === undefined) {
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
      requireAccount: body.require_account ?? null,
      anotherAccount: body.another_account,
      returnTo: body.return_to ?? null,
      confirm: body.confirm,
      force: body.force,
    });
  }

  #demandKnownOrigin(returnTo: string): void {
    if (!this.settings.returnToOrigins.includes(new URL(returnTo).origin)) {
      throw invalidRequest({
        return_to: 'must begin with one of the origins in the setting RETURN_TO_ORIGINS.',
      });
    }
  }
}
