import { Global, Module } from '@nestjs/common';
import { AccessTokensModule } from '../access-tokens/access-tokens.module.js';
import { BrowserBinding } from './browser-binding-cookie.js';
import { ConnectController } from './connect.controller.js';
import { ConnectResultController } from './connect-result.controller.js';
import { HeldGrantCheck } from './held-grant-check.js';
import { PageContexts } from './page-contexts.js';
import { SlotCheck } from './slot-check.js';
import { StartAuthorization } from './start-authorization.js';
import { SubmitConnect } from './submit-connect.js';

/**
 * Owns the first half of the authorization code flow: the page that announces the consent, whether one is needed, the authorization request with state, nonce and PKCE, and the cookie that binds a connect to one browser.
 * Does not own the tickets (connect-tickets/), the authorization response (callback/) nor the grants (grants/).
 */
@Global()
@Module({
  imports: [AccessTokensModule],
  controllers: [ConnectController, ConnectResultController],
  providers: [BrowserBinding, HeldGrantCheck, PageContexts, SlotCheck, StartAuthorization, SubmitConnect],
  exports: [BrowserBinding, HeldGrantCheck, PageContexts, StartAuthorization],
})
export class AuthorizationModule {}
