import { Module } from '@nestjs/common';
import { CheckSlots } from '../../authorization/check-slots.js';
import { ConnectTickets } from '../../authorization/connect-ticket.js';
import { StartAuthorization } from '../../authorization/start-authorization.js';
import { ClaimReturn } from '../../callback/claim-return.js';
import { CompleteAuthorization } from '../../callback/complete-authorization.js';
import { ExchangeCode } from '../../callback/exchange-code.js';
import { FinishExchange } from '../../callback/finish-exchange.js';
import { HoldConsent } from '../../callback/hold-consent.js';
import { KeepExchange } from '../../callback/keep-exchange.js';
import { ConnectLinks } from '../../domain/ports/connect-links.js';
import { ConsentTrips } from '../../domain/ports/consent-trips.js';
import { GoogleModule } from '../../google/google.module.js';

/** The use cases of /connect and /callback without their routes: here, the command line is the browser's host. */
@Module({
  imports: [GoogleModule],
  providers: [
    CheckSlots,
    ConnectTickets,
    StartAuthorization,
    ClaimReturn,
    CompleteAuthorization,
    ExchangeCode,
    KeepExchange,
    FinishExchange,
    HoldConsent,
    { provide: ConnectLinks, useExisting: ConnectTickets },
    { provide: ConsentTrips, useExisting: StartAuthorization },
  ],
})
export class ConsentModule {}
