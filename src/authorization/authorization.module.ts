import { Global, Module } from '@nestjs/common';
import { ConnectLinks } from '../domain/ports/connect-links.js';
import { ConsentTrips } from '../domain/ports/consent-trips.js';
import { CheckSlots } from './check-slots.js';
import { ConnectTickets } from './connect-ticket.js';
import { ConnectController } from './connect.controller.js';
import { CreateConnectTicket } from './create-connect-ticket.js';
import { StartAuthorization } from './start-authorization.js';

/**
 * Owns the way to Google: connect tickets, the page that says what is about to happen, and the consent URL with
 * state, nonce and PKCE, bound to one browser. Does not own the way back (callback/) nor what was granted (grants/).
 */
@Global()
@Module({
  controllers: [ConnectController],
  providers: [
    CheckSlots,
    CreateConnectTicket,
    ConnectTickets,
    StartAuthorization,
    { provide: ConnectLinks, useExisting: ConnectTickets },
    { provide: ConsentTrips, useExisting: StartAuthorization },
  ],
  exports: [ConnectLinks, ConsentTrips],
})
export class AuthorizationModule {}
