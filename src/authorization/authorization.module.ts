import { Global, Module } from '@nestjs/common';
import { AccessTokensModule } from '../access-tokens/access-tokens.module.js';
import { ConnectController } from './connect.controller.js';
import { HeldGrantCheck } from './held-grant-check.js';
import { SlotCheck } from './slot-check.js';
import { StartAuthorization } from './start-authorization.js';

/**
 * Owns the first half of the authorization code flow: the page that announces the consent, whether one is needed, and the
 * authorization request with state, nonce and PKCE, bound to one browser by a cookie.
 * Does not own the ticket in the link (connect-tickets/), the authorization response (callback/) nor the grants (grants/).
 */
@Global()
@Module({
  imports: [AccessTokensModule],
  controllers: [ConnectController],
  providers: [HeldGrantCheck, SlotCheck, StartAuthorization],
  exports: [HeldGrantCheck, StartAuthorization],
})
export class AuthorizationModule {}
