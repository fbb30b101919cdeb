import { Module } from '@nestjs/common';
import { FindGrant } from './find-grant.js';
import { GetAccessToken } from './get-access-token.js';
import { RefreshAccessToken } from './refresh-access-token.js';
import { Refusals } from './refusals.js';
import { ReportRefreshFailure } from './report-refresh-failure.js';
import { TokensController } from './tokens.controller.js';

/**
 * Owns GET /tokens/:userId: which grant is meant, whether its token is fresh, refreshing it once for all callers,
 * and the refusals with the way on. The hot path. Does not own consent (authorization/, callback/), how Google's
 * failures are judged (google/) nor storage (token-store/).
 */
@Module({
  controllers: [TokensController],
  providers: [GetAccessToken, FindGrant, RefreshAccessToken, ReportRefreshFailure, Refusals],
})
export class TokensModule {}
