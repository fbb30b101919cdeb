import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { AuditEventsRepository } from '../token-store/audit/audit-events.repository.js';

const DAY_SECONDS = 24 * 3600;

/** Forgets events when their time is over. The database keeps to the days that `token-broker migrate` was told, too. */
@Injectable()
export class AuditRetentionJob implements OnModuleInit {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly trail: AuditEventsRepository,
    private readonly work: Scheduler,
  ) {}

  onModuleInit(): void {
    this.work.every(DAY_SECONDS, 'prune the audit trail', async () => {
      const keepMs = this.settings.auditRetentionDays * DAY_SECONDS * 1000;
      await this.trail.prune(new Date(this.clock.now().getTime() - keepMs));
    });
  }
}
