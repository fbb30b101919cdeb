import { Global, Module } from '@nestjs/common';
import { AdsApi } from '../domain/ports/ads-api.js';
import { Google } from '../domain/ports/google.js';
import { SecurityEventTokens } from '../domain/ports/security-event-tokens.js';
import { GoogleAdsApi } from './google-ads-api.js';
import { OAuthGoogle } from './oauth-google.js';
import { RefreshRequests } from './refresh-requests.js';
import { Stopping } from './stopping.js';
import { GoogleSecurityEvents } from './verify-security-event.js';

/**
 * Owns every request to Google: consent URLs, code exchange, refresh, revocation, the stream of security events,
 * the reading calls to the Google Ads API, what Google signs (id_tokens, security events), and the one classification of what can go wrong there. Nothing
 * else in src/ reaches Google.
 * Does not own what follows from an answer: callback/, tokens/, grants/ and security-events/ decide that. Never
 * retries a code.
 */
@Global()
@Module({
  providers: [
    RefreshRequests,
    Stopping,
    { provide: Google, useClass: OAuthGoogle },
    { provide: AdsApi, useClass: GoogleAdsApi },
    { provide: SecurityEventTokens, useClass: GoogleSecurityEvents },
  ],
  exports: [Google, AdsApi, SecurityEventTokens],
})
export class GoogleModule {}
