import { Global, Module } from '@nestjs/common';
import { ConnectTickets } from './connect-ticket.js';
import { ConnectController } from './connect.controller.js';
import { SlotCheck } from './slot-check.js';
import { StartAuthorization } from './start-authorization.js';

/**
 * Owns the first half of the authorization code flow: connect tickets, the page that announces the consent, and the
 * authorization request with state, nonce and PKCE, bound to one browser by a cookie.
 * Does not own the authorization response (callback/) nor the grants (grants/).
 */
@Global()
@Module({
  controllers: [ConnectController],
  providers: [ConnectTickets, SlotCheck, StartAuthorization],
  exports: [ConnectTickets, StartAuthorization],
})
export class AuthorizationModule {}
