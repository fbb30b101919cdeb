import { Module } from '@nestjs/common';
import { GrantCache } from '../../../access-tokens/grant-cache.js';
import { RefreshResults } from '../../../access-tokens/refresh-results.js';
import { TokenRefresher } from '../../../access-tokens/token-refresher.js';
import { HeldGrantCheck } from '../../../authorization/held-grant-check.js';
import { SlotCheck } from '../../../authorization/slot-check.js';
import { StartAuthorization } from '../../../authorization/start-authorization.js';
import { CodeExchange } from '../../../callback/code-exchange.js';
import { CompleteAuthorization } from '../../../callback/complete-authorization.js';
import { ReadTicketEnd } from '../../../callback/read-ticket-end.js';
import { FinishExchange } from '../../../callback/finish-exchange.js';
import { PendingConsents } from '../../../callback/pending-consents.js';
import { AuthorizationResponseValidator } from '../../../callback/response-validator.js';
import { ConnectTickets } from '../../../connect-tickets/connect-tickets.service.js';
import { TicketProgress } from '../../../connect-tickets/ticket-progress.js';
import { TicketWatch } from '../../../connect-tickets/ticket-watch.js';
import { GoogleModule } from '../../../google/google.module.js';
import { Scheduler } from '../../../operations/scheduler.js';

/**
 * The connect of `--store`: the use cases of authorization/ and callback/ without their routes, and the refresh
 * that shows whether Google still accepts a grant.
 * The loopback server (loopback.ts) receives the authorization response instead of /callback.
 */
@Module({
  imports: [GoogleModule],
  providers: [
    ConnectTickets,
    TicketProgress,
    TicketWatch,
    Scheduler,
    GrantCache,
    RefreshResults,
    TokenRefresher,
    HeldGrantCheck,
    SlotCheck,
    StartAuthorization,
    AuthorizationResponseValidator,
    CompleteAuthorization,
    CodeExchange,
    ReadTicketEnd,
    FinishExchange,
    PendingConsents,
  ],
})
export class ConsentModule {}
