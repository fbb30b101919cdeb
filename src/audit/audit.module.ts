import { Module } from '@nestjs/common';
import { AuditPartitionsJob } from './audit-partitions.job.js';
import { AuditExportController } from './audit-export.controller.js';
import { AuditController } from './audit.controller.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { VisibleAuditEvents } from './visible-audit-events.js';

/**
 * Owns the audit of HTTP calls: which are recorded (those marked in http/audit.decorator.ts), GET /audit and
 * its export, and how long events are kept.
 * Does not own events outside of calls, which the code that causes them records, nor those of the warm path, which Nest
 * does not see (tokens/response-cache.ts), nor the writing (token-store/audit/).
 */
@Module({
  controllers: [AuditController, AuditExportController],
  providers: [AuditPartitionsJob, AuditInterceptor, VisibleAuditEvents],
})
export class AuditModule {}
