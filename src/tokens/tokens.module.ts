import { Module } from '@nestjs/common';
import { AccessTokensModule } from '../access-tokens/access-tokens.module.js';
import { AdsModule } from '../ads/ads.module.js';
import { ResponseCache } from './response-cache.js';
import { TokensController } from './tokens.controller.js';

/**
 * Owns GET /tokens/:userId over HTTP: its parameters, its response, and the warm path, which serves cached responses
 * before Nest runs. Does not own the tokens themselves (access-tokens/), the choice of a Google Ads account's
 * login-customer-id (ads/) nor who may call (services/).
 */
@Module({
  imports: [AccessTokensModule, AdsModule],
  controllers: [TokensController],
  providers: [ResponseCache],
})
export class TokensModule {}
