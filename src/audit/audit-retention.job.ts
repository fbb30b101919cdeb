import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { AuditEventsRepository } from '../token-store/audit/audit-events.repository.js';

const DAY_SECONDS = 24 * 3600;

/** Deletes events after AUDIT_RETENTION_DAYS. The database enforces the number that `token-broker migrate` stored, too. */
@Injectable()
export class AuditRetentionJob implements OnModuleInit {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly events: AuditEventsRepository,
    private readonly scheduler: Scheduler,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(DAY_SECONDS, 'prune the audit trail', async () => {
      const keepMs = this.settings.auditRetentionDays * DAY_SECONDS * 1000;
      await this.events.prune(new Date(this.clock.now().getTime() - keepMs));
    });
  }
}
