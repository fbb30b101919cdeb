import { Module } from '@nestjs/common';
import { AccessTokenService } from './access-token.service.js';
import { GrantCache } from './grant-cache.js';
import { RefreshResults } from './refresh-results.js';
import { TokenErrors } from './token-errors.js';
import { TokenRefresher } from './token-refresher.js';

/**
 * Owns access tokens without HTTP: which grant a request means, whether its token is fresh, one refresh for all
 * callers and replicas, the caches, and the errors with the caller's next step. Start at access-token.service.ts.
 * Does not own consent (authorization/, callback/), the classification of Google's failures (google/), leases and rows
 * (token-store/), nor HTTP (tokens/, ads/).
 */
@Module({
  providers: [AccessTokenService, TokenRefresher, GrantCache, RefreshResults, TokenErrors],
  exports: [AccessTokenService, TokenRefresher],
})
export class AccessTokensModule {}
