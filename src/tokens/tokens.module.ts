import { Global, Module } from '@nestjs/common';
import { AccessTokenService } from '../access-tokens/access-token.service.js';
import { FailureCache } from '../access-tokens/failure-cache.js';
import { FindGrant } from '../access-tokens/find-grant.js';
import { GrantCache } from '../access-tokens/grant-cache.js';
import { ReportRefresh } from '../access-tokens/report-refresh.js';
import { ServiceAuthority } from '../access-tokens/service-authority.js';
import { TokenErrors } from '../access-tokens/token-errors.js';
import { TokenRefresher } from '../access-tokens/token-refresher.js';
import { RefreshRequest } from '../access-tokens/token-request.js';
import { UnsavedRefreshes } from '../access-tokens/unsaved-refreshes.js';
import { UserTokens } from '../access-tokens/user-tokens.js';
import { AdsHeaders } from './ads-headers.js';
import { ResponseCache } from './response-cache.js';
import { TokensController } from './tokens.controller.js';

/**
 * Owns GET /tokens/:userId: which grant is meant, whether its token is fresh, refreshing it once for all callers,
 * and the refusals with the way on. The hot path. Does not own consent (authorization/, callback/), how Google's
 * failures are judged (google/) nor storage (token-store/).
 */
@Global()
@Module({
  controllers: [TokensController],
  providers: [
    AdsHeaders,
    AccessTokenService,
    GrantCache,
    ServiceAuthority,
    FindGrant,
    TokenRefresher,
    RefreshRequest,
    FailureCache,
    ResponseCache,
    ReportRefresh,
    TokenErrors,
    UnsavedRefreshes,
    UserTokens,
  ],
  exports: [UserTokens],
})
export class TokensModule {}
