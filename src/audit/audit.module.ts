import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AuditCalls } from './audit-calls.js';
import { AuditController } from './audit.controller.js';
import { FindAuditEvents } from './find-audit-events.js';
import { KeepAudit } from './keep-audit.js';

/**
 * Owns the audit trail's door and its end: which calls are written (those marked in http/audited.ts), GET /audit, and
 * how long events are kept. Does not own what happens outside of calls: whoever knows of it records it himself
 * (domain/ports/audit-log.ts). Nor does it own the writing (token-store/).
 */
@Module({
  controllers: [AuditController],
  providers: [FindAuditEvents, KeepAudit, { provide: APP_INTERCEPTOR, useClass: AuditCalls }],
})
export class AuditModule {}
