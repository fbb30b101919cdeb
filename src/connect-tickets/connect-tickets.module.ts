import { Global, Module } from '@nestjs/common';
import { ConnectTickets } from './connect-ticket.js';

/**
 * Owns connect tickets: what a service requests of a user, sealed into a link, for services that ask for one and for the
 * refusals of GET /tokens/:userId.
 * Does not own the routes (authorization/) nor what a request may contain (domain/connect/).
 */
@Global()
@Module({
  providers: [ConnectTickets],
  exports: [ConnectTickets],
})
export class ConnectTicketsModule {}
