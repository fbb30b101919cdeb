import { Injectable } from '@nestjs/common';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';

@Injectable()
export class RemoveServiceAccount {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Forgets a key and the tokens of it. Google knows nothing of that: the key itself stays good.
   * @returns what was removed; null where no service account has this id
   */
  async remove(grantId: string): Promise<Grant | null> {
    const grant = isUuid(grantId) ? await this.grants.findById(grantId) : null;
    if (grant?.kind !== 'service_account') return null;
    const now = this.clock.now();
    await this.grants.forget(grant, null, now);
    this.audit.record({
      at: now,
      action: 'service_account.remove',
      outcome: 'ok',
      actor: 'operator',
      userId: grant.userId,
      client: grant.client,
      grantId,
      details: { account: grant.account.sub, email: grant.account.email },
    });
    await this.audit.flush();
    return grant;
  }
}

/** As the database writes and reads one: another text could be no grant. */
function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
