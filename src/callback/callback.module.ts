import { Module } from '@nestjs/common';
import { CallbackController } from './callback.controller.js';
import { ClaimReturn } from './claim-return.js';
import { CompletionsController } from './completions.controller.js';
import { ConfirmConsent } from './confirm-consent.js';
import { ExchangeCode } from './exchange-code.js';
import { HoldConsent } from './hold-consent.js';
import { CompleteAuthorization } from './complete-authorization.js';

/**
 * Owns the way back from Google: the state, cookie and issuer checks, the one exchange of the code, storing what
 * was granted, and holding it back where the app's server must confirm the user first. Does not own the way there (authorization/) nor how the grant is kept (token-store/).
 */
@Module({
  controllers: [CallbackController, CompletionsController],
  providers: [CompleteAuthorization, ClaimReturn, ExchangeCode, HoldConsent, ConfirmConsent],
})
export class CallbackModule {}
