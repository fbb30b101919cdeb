import { Module } from '@nestjs/common';
import { ReceiveSecurityEvent } from './receive-security-event.js';
import { RelaySecurityEvent } from './relay-security-event.js';
import { SecurityEventsController } from './security-events.controller.js';

/**
 * Owns Google's Cross-Account Protection events (RISC, RFC 8935): the endpoint, how an event is read, and what it causes;
 * docs/security-events.md has the table.
 * Does not own the verification of the signature (google/risc/) nor how grants change (token-store/security-events/):
 * that changes the grants and stores the event's id, in one transaction or, on several servers, in one for each user.
 */
@Module({
  controllers: [SecurityEventsController],
  providers: [ReceiveSecurityEvent, RelaySecurityEvent],
})
export class SecurityEventsModule {}
