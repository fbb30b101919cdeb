import { Module } from '@nestjs/common';
import { ClaimAuthorizationResponse } from './authorization-response.js';
import { CallbackController } from './callback.controller.js';
import { ExchangeCode } from './code-exchange.js';
import { CompleteAuthorization } from './complete-authorization.js';
import { CompletionsController } from './completions.controller.js';
import { ConfirmPendingConsent } from './confirm-pending-consent.js';
import { FinishExchange } from './finish-exchange.js';
import { HoldPendingConsent } from './hold-pending-consent.js';
import { KeepExchange } from './keep-exchange.js';
import { ResumeConnectsJob } from './resume-connects.job.js';

/**
 * Owns the way back from Google: the state, cookie and issuer checks, the one exchange of the code, storing what
 * was granted (with the browser, or later without it), and holding it back where the app's server must confirm the user first. Does not own the way there (authorization/) nor how the grant is kept (token-store/).
 */
@Module({
  controllers: [CallbackController, CompletionsController],
  providers: [
    CompleteAuthorization,
    ClaimAuthorizationResponse,
    ExchangeCode,
    KeepExchange,
    FinishExchange,
    ResumeConnectsJob,
    HoldPendingConsent,
    ConfirmPendingConsent,
  ],
})
export class CallbackModule {}
