import { Module } from '@nestjs/common';
import { CallbackController } from './callback.controller.js';
import { ClaimReturn } from './claim-return.js';
import { CompletionsController } from './completions.controller.js';
import { ConfirmConsent } from './confirm-consent.js';
import { CompleteAuthorization } from './complete-authorization.js';
import { ExchangeCode } from './exchange-code.js';
import { FinishExchange } from './finish-exchange.js';
import { HoldConsent } from './hold-consent.js';
import { KeepExchange } from './keep-exchange.js';
import { ResumeConnects } from './resume-connects.js';

/**
 * Owns the way back from Google: the state, cookie and issuer checks, the one exchange of the code, storing what
 * was granted (with the browser, or later without it), and holding it back where the app's server must confirm the user first. Does not own the way there (authorization/) nor how the grant is kept (token-store/).
 */
@Module({
  controllers: [CallbackController, CompletionsController],
  providers: [
    CompleteAuthorization,
    ClaimReturn,
    ExchangeCode,
    KeepExchange,
    FinishExchange,
    ResumeConnects,
    HoldConsent,
    ConfirmConsent,
  ],
})
export class CallbackModule {}
