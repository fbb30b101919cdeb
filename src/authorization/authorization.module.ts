import { Global, Module } from '@nestjs/common';
import { ConnectTickets } from './connect-ticket.js';
import { ConnectController } from './connect.controller.js';
import { CreateConnectTicket } from './create-connect-ticket.js';
import { SlotCheck } from './slot-check.js';
import { StartAuthorization } from './start-authorization.js';

/**
 * Owns the way to Google: connect tickets, the page that says what is about to happen, and the consent URL with
 * state, nonce and PKCE, bound to one browser. Does not own the way back (callback/) nor what was granted (grants/).
 */
@Global()
@Module({
  controllers: [ConnectController],
  providers: [SlotCheck, CreateConnectTicket, ConnectTickets, StartAuthorization],
  exports: [ConnectTickets, StartAuthorization],
})
export class AuthorizationModule {}
