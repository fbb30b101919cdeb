import { Module } from '@nestjs/common';
import { ReceiveSecurityEvent } from './receive-security-event.js';
import { SecurityEventsController } from './security-events.controller.js';

/**
 * Owns what Google tells about accounts and tokens (Cross-Account Protection, RFC 8935): the endpoint, the reading of
 * an event, and the decision what follows from it; docs/security-events.md has the table.
 * Does not own who signed it (google/), nor how grants change (token-store/): one transaction does that and remembers
 * the event.
 */
@Module({
  controllers: [SecurityEventsController],
  providers: [ReceiveSecurityEvent],
})
export class SecurityEventsModule {}
