import { Module } from '@nestjs/common';
import { AccessTokensModule } from '../access-tokens/access-tokens.module.js';
import { AdsModule } from '../ads/ads.module.js';
import { AcceptedCalls } from './accepted-calls.js';
import { AuthzController } from './authz.controller.js';
import { ResponseCache } from './response-cache.js';
import { TokenEndpointController } from './token-endpoint.controller.js';
import { TokenIssuer } from './token-issuer.js';
import { TokensController } from './tokens.controller.js';

/**
 * Owns GET /tokens/:userId, GET /authz and POST /oauth2/token over HTTP: their parameters, their responses, and the warm path,
 * which serves cached responses of the first and the last before Nest runs, and the cold path, which answers other calls of the first there. Does not own the tokens themselves (access-tokens/), the choice of a Google
 * Ads account's login-customer-id (ads/) nor who may call (services/).
 */
@Module({
  imports: [AccessTokensModule, AdsModule],
  controllers: [TokensController, AuthzController, TokenEndpointController],
  providers: [ResponseCache, AcceptedCalls, TokenIssuer],
})
export class TokensModule {}
