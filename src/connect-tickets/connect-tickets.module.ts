import { Global, Module } from '@nestjs/common';
import { ConnectTickets } from './connect-tickets.service.js';
import { TicketProgress } from './ticket-progress.js';
import { TicketWatch } from './ticket-watch.js';

/**
 * Owns connect tickets: what a service requests of a user, by a link, for services that ask for one and for the refusals of
 * GET /tokens/:userId; how far each one is, and the callers that wait for its outcome.
 * Does not own the pages that a link leads to (authorization/, my-grants/) nor what a policy allows (domain/connect/).
 */
@Global()
@Module({
  providers: [ConnectTickets, TicketProgress, TicketWatch],
  exports: [ConnectTickets, TicketProgress, TicketWatch],
})
export class ConnectTicketsModule {}
