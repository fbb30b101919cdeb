import { Injectable } from '@nestjs/common';
import type { Expiry } from '../../domain/grant/expiry-forecast.js';
import type { Grant } from '../../domain/grant/grant.js';
import { Database } from '../client/database.js';
import { Outbox } from './outbox.js';

/** Writes the event that a grant will expire, once for each expiry, in one transaction with the mark on the grant. */
@Injectable()
export class ExpiryNoticesRepository {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** @returns false when that was notified before, or the grant changed since it was read */
  async notify(grant: Grant, expiry: Expiry, now: Date): Promise<boolean> {
    return this.database.$transaction(async (tx) => {
      const { count } = await tx.grant.updateMany({
        where: {
          userId: grant.userId,
          id: grant.id,
          version: grant.version,
          status: 'active',
          // A refresh leaves the version alone, and may have moved the expiry.
          refreshedAt: grant.refreshedAt,
          OR: [{ expiryNotifiedAt: null }, { expiryNotifiedAt: { not: expiry.at } }],
        },
        data: { expiryNotifiedAt: expiry.at },
      });
      if (count === 0) return false;
      const expires = { at: expiry.at.toISOString(), reason: expiry.reason };
      await this.outbox.notify(tx, 'grant.expiring', grant, now, { expires });
      return true;
    });
  }
}
