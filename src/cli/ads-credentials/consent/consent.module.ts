import { Module } from '@nestjs/common';
import { ConnectTickets } from '../../../authorization/connect-ticket.js';
import { SlotCheck } from '../../../authorization/slot-check.js';
import { StartAuthorization } from '../../../authorization/start-authorization.js';
import { ClaimAuthorizationResponse } from '../../../callback/authorization-response.js';
import { ExchangeCode } from '../../../callback/code-exchange.js';
import { CompleteAuthorization } from '../../../callback/complete-authorization.js';
import { FinishExchange } from '../../../callback/finish-exchange.js';
import { HoldPendingConsent } from '../../../callback/hold-pending-consent.js';
import { KeepExchange } from '../../../callback/keep-exchange.js';
import { GoogleModule } from '../../../google/google.module.js';

/**
 * The connect of `--store`: the use cases of authorization/ and callback/ without their routes.
 * Owns nothing; the loopback server (loopback.ts) receives the authorization response instead of /callback.
 */
@Module({
  imports: [GoogleModule],
  providers: [
    SlotCheck,
    ConnectTickets,
    StartAuthorization,
    ClaimAuthorizationResponse,
    CompleteAuthorization,
    ExchangeCode,
    KeepExchange,
    FinishExchange,
    HoldPendingConsent,
  ],
})
export class ConsentModule {}
