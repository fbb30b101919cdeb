import { Global, Module } from '@nestjs/common';
import { GoogleAdsApi } from './ads/google-ads-api.js';
import { GoogleOAuthClient } from './oauth/google-oauth.client.js';
import { GoogleTurns, RefreshRequests } from './oauth/refresh-requests.js';
import { RefreshAccessToken } from './oauth/refresh-access-token.js';
import { SecurityEventVerifier } from './risc/security-event-verifier.js';
import { ShutdownSignal } from './shutdown-signal.js';

/**
 * Owns every request to Google: consent URLs, code exchange, refresh, revocation, the stream of security events, reads of the
 * Google Ads API, the verification of what Google signs (id_tokens, security events), and the classification of failures. No
 * other module reaches Google. A code is never retried.
 * Does not own what follows from a response: callback/, access-tokens/, grants/ and security-events/ decide that.
 */
@Global()
@Module({
  providers: [
    GoogleTurns,
    RefreshRequests,
    ShutdownSignal,
    GoogleOAuthClient,
    RefreshAccessToken,
    GoogleAdsApi,
    SecurityEventVerifier,
  ],
  exports: [
    GoogleTurns,
    RefreshRequests,
    GoogleOAuthClient,
    RefreshAccessToken,
    GoogleAdsApi,
    SecurityEventVerifier,
  ],
})
export class GoogleModule {}
