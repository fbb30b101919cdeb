import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { ConnectTickets } from '../connect-tickets/connect-tickets.service.js';
import { allowedScopes, maySeeGrant, type Policy } from '../domain/access/policy.js';
import { ANY_CLIENT, type ConnectRequest } from '../domain/connect/connect-request.js';
import { missingScopes, SIGN_IN_SCOPES } from '../domain/google/scopes.js';
import { type Grant, isDead } from '../domain/grant/grant.js';
import type { Page } from '../domain/list-position.js';
import type { DisconnectMode } from '../grants/disconnect-grant.js';
import { type EndedGrant, EndGrants } from '../grants/end-grants.js';
import { type GrantPosition, GrantListsRepository } from '../token-store/grants/grant-lists.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import type { MyGrantsSession } from './my-grants-sessions.js';

/** What the user may do with a grant: no more than the service that made the ticket may, now. */
export interface MyGrant {
  readonly grant: Grant;
  /** What a new consent would ask for; empty where none would help. */
  readonly reconnectScopes: readonly string[];
  /** Null: it cannot be disconnected here. */
  readonly mode: DisconnectMode | null;
}

/** What Google ends together with a grant. */
interface Effects {
  readonly total: number;
  /** Those of them that the same page shows. */
  readonly own: readonly Grant[];
}

const PAGE_SIZE = 50;

/**
 * The grants of a page of a user, and what is done there. A grant that the service may not see, or of another user, does not
 * exist here.
 * Does not own who may use the page (my-grants-sessions.ts) nor how a grant ends (grants/).
 */
@Injectable()
export class MyGrants {
  constructor(
    private readonly settings: Settings,
    private readonly lists: GrantListsRepository,
    private readonly grants: GrantsRepository,
    private readonly endGrants: EndGrants,
    private readonly tickets: ConnectTickets,
  ) {}

  /** The oldest first. */
  async list(session: MyGrantsSession, after: GrantPosition | null): Promise<Page<MyGrant, GrantPosition>> {
    const { userId, client } = session.connectRequest;
    const clients = client === ANY_CLIENT ? session.service.policy.clients : [client];
    const { items, next } = await this.lists.ofUser({ userId, clients, after, limit: PAGE_SIZE });
    return { items: items.map((grant) => this.#withActs(session, grant)), next };
  }

  /** @returns null where the page does not show it */
  async find(session: MyGrantsSession, id: string): Promise<MyGrant | null> {
    const grant = await this.grants.findById(id, session.connectRequest.userId);
    return grant && isShown(session, grant) ? this.#withActs(session, grant) : null;
  }

  async effects(session: MyGrantsSession, grant: Grant, mode: DisconnectMode): Promise<Effects> {
    const { also } = await this.endGrants.preview([grant], mode);
    return { total: also.length, own: also.filter((other) => isShown(session, other)) };
  }

  /** Its audit event names the user as the actor, and the ticket of the page. */
  async disconnect(
    { service, ticketId: ticket }: MyGrantsSession,
    grant: Grant,
    mode: DisconnectMode,
    requestId: string,
  ): Promise<EndedGrant['outcome']> {
    const by = { actor: 'user', serviceId: service.id, requestId, ticket };
    const { grants } = await this.endGrants.end([grant], mode, by);
    return grants[0]?.outcome ?? 'kept';
  }

  /** A connect link for the same account, back to the page. */
  async reconnectUrl(
    { connectRequest }: MyGrantsSession,
    { grant, reconnectScopes }: MyGrant,
    returnTo: string,
  ): Promise<string> {
    const { purpose: _, ...parts } = connectRequest;
    const { sub, email } = grant.account;
    const request: ConnectRequest = {
      ...parts,
      client: grant.client,
      scopes: reconnectScopes,
      accountHint: email ?? sub,
      requireAccount: { sub },
      returnTo,
    };
    return (await this.tickets.sealedLink(request)).url;
  }

  #withActs({ service: { policy } }: MyGrantsSession, grant: Grant): MyGrant {
    const isServed = this.settings.clients.get(grant.client) !== undefined;
    // An operator gave the key of a service account; a user does not take it away.
    if (grant.kind === 'service_account') return { grant, reconnectScopes: [], mode: null };
    const mayRevoke = policy.revoke && (isServed || isDead(grant));
    const mode = mayRevoke ? 'revoke' : policy.disconnect ? 'local' : null;
    return {
      grant,
      reconnectScopes: isServed && needsConsent(grant) ? scopesToAsk(policy, grant) : [],
      // Google has not confirmed yet; the broker retries by itself.
      mode: grant.status === 'revoking' ? null : mode,
    };
  }
}

/**
 * All that was asked for, of a grant that is dead; of one that is active, only what the user has not allowed. Without those that
 * the broker adds itself, where there are others. Other services may have asked for more than this one may.
 */
function scopesToAsk(policy: Policy, { status, requestedScopes, grantedScopes }: Grant): string[] {
  if (status === 'active') return allowedScopes(policy, missingScopes(requestedScopes, grantedScopes));
  const needed = requestedScopes.filter((scope) => !SIGN_IN_SCOPES.includes(scope));
  return allowedScopes(policy, needed.length > 0 ? needed : requestedScopes);
}

function isShown({ connectRequest, service }: MyGrantsSession, grant: Grant): boolean {
  const { userId, client } = connectRequest;
  const isOfTicket = grant.userId === userId && (client === ANY_CLIENT || client === grant.client);
  return isOfTicket && maySeeGrant(service.policy, grant);
}

/** A suspended account cannot consent: its owner has to settle that with Google. */
function needsConsent(grant: Grant): boolean {
  if (grant.status === 'active') return missingScopes(grant.requestedScopes, grant.grantedScopes).length > 0;
  return isDead(grant);
}
