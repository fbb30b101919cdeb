import { Global, Module } from '@nestjs/common';
import { Google } from '../domain/ports/google.js';
import { OAuthGoogle } from './oauth-google.js';

/**
 * Owns every request to Google: consent URLs, code exchange, refresh, revocation, id_token verification, and the
 * one classification of what can go wrong there. Nothing else in src/ reaches Google.
 * Does not own what follows from an answer: callback/, tokens/ and grants/ decide that. Never retries a code.
 */
@Global()
@Module({
  providers: [{ provide: Google, useClass: OAuthGoogle }],
  exports: [Google],
})
export class GoogleModule {}
