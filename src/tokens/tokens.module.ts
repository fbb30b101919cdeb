import { Global, Module } from '@nestjs/common';
import { UserTokens } from '../domain/ports/user-tokens.js';
import { AdsHeaders } from './ads-headers.js';
import { AskForToken } from './ask-for-token.js';
import { DemandAuthority } from './demand-authority.js';
import { FindGrant } from './find-grant.js';
import { GetAccessToken } from './get-access-token.js';
import { LendUserTokens } from './lend-user-tokens.js';
import { RecentFailures } from './recent-failures.js';
import { RefreshAccessToken } from './refresh-access-token.js';
import { Refusals } from './refusals.js';
import { ReportRefresh } from './report-refresh.js';
import { RememberedGrants } from './remembered-grants.js';
import { RepeatAnswer } from './repeat-answer.js';
import { TokensController } from './tokens.controller.js';
import { UnsavedRefreshes } from './unsaved-refreshes.js';

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
    GetAccessToken,
    RememberedGrants,
    DemandAuthority,
    FindGrant,
    RefreshAccessToken,
    AskForToken,
    RecentFailures,
    RepeatAnswer,
    ReportRefresh,
    Refusals,
    UnsavedRefreshes,
    { provide: UserTokens, useClass: LendUserTokens },
  ],
  exports: [UserTokens],
})
export class TokensModule {}
