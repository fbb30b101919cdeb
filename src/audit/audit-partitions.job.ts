import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { AuditPartitionsRepository } from '../token-store/audit/audit-partitions.repository.js';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/**
 * Makes partitions of the audit trail ahead, and drops them after AUDIT_RETENTION_DAYS. The database enforces the number that
 * `token-broker migrate` stored, too. Every replica tries: what one of them did not get a lock for, the next one does.
 */
@Injectable()
export class AuditPartitionsJob implements OnModuleInit {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly partitions: AuditPartitionsRepository,
    private readonly scheduler: Scheduler,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(HOUR_SECONDS, 'make partitions of the audit trail', () =>
      this.partitions.createAhead(),
    );
    this.scheduler.every(DAY_SECONDS, 'prune the audit trail', async (shutdown) => {
      const keepMs = this.settings.auditRetentionDays * DAY_SECONDS * 1000;
      await this.partitions.prune(new Date(this.clock.now().getTime() - keepMs), shutdown);
    });
  }
}
