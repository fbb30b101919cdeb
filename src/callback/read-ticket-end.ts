import { Injectable } from '@nestjs/common';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import type { TicketEndFacts } from '../domain/grant/consent.js';
import type { Account, Grant } from '../domain/grant/grant.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';

/** A consent that is about to become a grant. */
interface PendingGrant {
  /** Null: of a version without rows of tickets. */
  readonly ticketId: string | null;
  readonly connectRequest: ConnectRequest;
  readonly requestId: string;
}

/**
 * What the ticket of a consent has to say when its grant is stored: which accounts of the user had a grant that died, and were not
 * chosen. Does not own the end of the ticket, which is in the transaction of the grant.
 */
@Injectable()
export class ReadTicketEnd {
  constructor(
    private readonly tickets: ConnectTicketsRepository,
    private readonly grants: GrantsRepository,
  ) {}

  async factsOf(
    { ticketId, connectRequest, requestId }: PendingGrant,
    account: Account,
  ): Promise<TicketEndFacts | null> {
    if (ticketId === null) return null;
    const { userId, client, anotherAccount } = connectRequest;
    // Who asks for one more account expects another one.
    const grants = anotherAccount ? [] : await this.grants.findByUser(userId, client);
    return { id: ticketId, requestId, insteadOf: deadAccountsBesides(account, grants) };
  }

  /** Of a ticket that ended before its grant was stored. */
  async outcomeOf(ticketId: string | null): Promise<ConnectOutcome> {
    const ticket = ticketId === null ? null : await this.tickets.find(ticketId);
    return ticket?.outcome ?? { kind: 'cancelled' };
  }
}

/** None where the account has a grant already: then it is not in place of another. */
function deadAccountsBesides({ sub }: Account, grants: readonly Grant[]): Account[] {
  if (grants.some(({ account, status }) => account.sub === sub && status !== 'revoked')) return [];
  return grants
    .filter(({ kind, status }) => kind === 'user' && status === 'reconnect_required')
    .map(({ account }) => ({ sub: account.sub, email: account.email }));
}
