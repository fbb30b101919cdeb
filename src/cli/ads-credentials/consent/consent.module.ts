import { Module } from '@nestjs/common';
import { ConnectTickets } from '../../../authorization/connect-ticket.js';
import { SlotCheck } from '../../../authorization/slot-check.js';
import { StartAuthorization } from '../../../authorization/start-authorization.js';
import { CodeExchange } from '../../../callback/code-exchange.js';
import {
  AuthorizationResponseValidator,
  CompleteAuthorization,
} from '../../../callback/complete-authorization.js';
import { FinishExchange } from '../../../callback/finish-exchange.js';
import { PendingConsents } from '../../../callback/pending-consents.js';
import { GoogleModule } from '../../../google/google.module.js';

/**
 * The connect of `--store`: the use cases of authorization/ and callback/ without their routes.
 * Owns nothing; the loopback server (loopback.ts) receives the authorization response instead of /callback.
 */
@Module({
  imports: [GoogleModule],
  providers: [
    ConnectTickets,
    SlotCheck,
    StartAuthorization,
    AuthorizationResponseValidator,
    CompleteAuthorization,
    CodeExchange,
    FinishExchange,
    PendingConsents,
  ],
})
export class ConsentModule {}
