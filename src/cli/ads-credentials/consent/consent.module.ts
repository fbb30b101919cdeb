import { Module } from '@nestjs/common';
import { ConnectTickets } from '../../../authorization/connect-ticket.js';
import { SlotCheck, StartAuthorization } from '../../../authorization/start-authorization.js';
import { CodeExchange } from '../../../callback/code-exchange.js';
import {
  AuthorizationResponseValidator,
  CompleteAuthorization,
} from '../../../callback/complete-authorization.js';
import { FinishExchange } from '../../../callback/finish-exchange.js';
import { PendingConsents } from '../../../callback/pending-consents.js';
import { GoogleModule } from '../../../google/google.module.js';

/** The use cases of /connect and /callback without their routes: here, the command line is the browser's host. */
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
