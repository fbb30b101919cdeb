import { Module } from '@nestjs/common';
import { CallbackController } from './callback.controller.js';
import { CodeExchange } from './code-exchange.js';
import { CompleteAuthorization } from './complete-authorization.js';
import { CompletionsController } from './completions.controller.js';
import { ConfirmPendingConsent } from './confirm-pending-consent.js';
import { ReadTicketEnd } from './read-ticket-end.js';
import { FinishExchange } from './finish-exchange.js';
import { PendingConsents } from './pending-consents.js';
import { AuthorizationResponseValidator } from './response-validator.js';
import { FinishWithoutBrowser } from './finish-without-browser.js';
import { FinishDueExchangesJob } from './finish-due-exchanges.job.js';

/**
 * Owns the second half of the authorization code flow: the state, cookie and issuer checks, the one exchange of the
 * code, the grant (in the browser's request, or later without it), and the consents that the app's server confirms.
 * How a code becomes a grant: callback.controller, response-validator, complete-authorization, code-exchange, finish-exchange.
 * Does not own the authorization request (authorization/) nor how grants are stored (token-store/).
 */
@Module({
  controllers: [CallbackController, CompletionsController],
  providers: [
    AuthorizationResponseValidator,
    CompleteAuthorization,
    CodeExchange,
    ReadTicketEnd,
    FinishExchange,
    PendingConsents,
    ConfirmPendingConsent,
    FinishWithoutBrowser,
    FinishDueExchangesJob,
  ],
})
export class CallbackModule {}
