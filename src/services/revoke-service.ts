import { Injectable } from '@nestjs/common';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ServicesRepository } from '../token-store/services/services.repository.js';

export interface RevokedService {
  readonly id: string;
  readonly name: string;
  readonly revokedAt: Date;
  /** False when it was revoked before. */
  readonly changed: boolean;
}

@Injectable()
export class RevokeService {
  constructor(
    private readonly services: ServicesRepository,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  /** Ends a service for good; revoking it again changes nothing. @returns null when there is none of that name or id */
  async revoke(idOrName: string): Promise<RevokedService | null> {
    // Also one that was planted: it is no service, and can be ended all the same.
    const service = await this.services.findNamed(idOrName);
    if (!service) return null;
    const { id, name } = service;
    const now = this.clock.now();
    if (!(await this.services.revoke(id, now))) {
      return { id, name, revokedAt: service.revokedAt ?? now, changed: false };
    }
    this.audit.record({
      at: now,
      action: 'service.revoke',
      outcome: 'ok',
      actor: 'operator',
      serviceId: id,
      details: { name },
    });
    await this.audit.flush();
    return { id, name, revokedAt: now, changed: true };
  }
}
