import { Global, Module } from '@nestjs/common';
import { GoogleAdsApi } from './ads/google-ads-api.js';
import { GoogleOAuthClient } from './oauth/google-oauth.client.js';
import { RefreshRequests } from './oauth/refresh-requests.js';
import { SecurityEventVerifier } from './risc/security-event-verifier.js';
import { ShutdownSignal } from './shutdown-signal.js';

/**
 * Owns every request to Google: consent URLs, code exchange, refresh, revocation, the stream of security events,
 * the reading calls to the Google Ads API, what Google signs (id_tokens, security events), and the one classification of what can go wrong there. Nothing
 * else in src/ reaches Google.
 * Does not own what follows from an answer: callback/, tokens/, grants/ and security-events/ decide that. Never
 * retries a code.
 */
@Global()
@Module({
  providers: [RefreshRequests, ShutdownSignal, GoogleOAuthClient, GoogleAdsApi, SecurityEventVerifier],
  exports: [GoogleOAuthClient, GoogleAdsApi, SecurityEventVerifier],
})
export class GoogleModule {}
