import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AuditRetentionJob } from './audit-retention.job.js';
import { AuditController } from './audit.controller.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { FindAuditEvents } from './find-audit-events.js';

/**
 * Owns the audit trail's door and its end: which calls are written (those marked in http/audit.decorator.ts), GET /audit, and
 * how long events are kept. Does not own what happens outside of calls: whoever knows of it records it himself
 * (token-store/audit/audit-log.repository.ts). Nor does it own the writing (token-store/).
 */
@Module({
  controllers: [AuditController],
  providers: [FindAuditEvents, AuditRetentionJob, { provide: APP_INTERCEPTOR, useClass: AuditInterceptor }],
})
export class AuditModule {}
