import { Injectable } from '@nestjs/common';
import type { Expiry } from '../domain/forecast.js';
import type { Grant } from '../domain/grant.js';
import { ExpiryNotices } from '../domain/ports/expiry-notices.js';
import { Database } from './database.js';
import { Outbox } from './outbox.js';

@Injectable()
export class PrismaExpiryNotices extends ExpiryNotices {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {
    super();
  }

  override async tell(grant: Grant, expiry: Expiry, now: Date): Promise<boolean> {
    return this.database.$transaction(async (tx) => {
      const { count } = await tx.grant.updateMany({
        where: {
          id: grant.id,
          version: grant.version,
          status: 'active',
          // A refresh leaves the version alone, and may have moved the expiry.
          refreshedAt: grant.refreshedAt,
          OR: [{ expiryToldAt: null }, { expiryToldAt: { not: expiry.at } }],
        },
        data: { expiryToldAt: expiry.at },
      });
      if (count === 0) return false;
      const expires = { at: expiry.at.toISOString(), reason: expiry.reason };
      await this.outbox.tell(tx, 'grant.expiring', grant, now, { expires });
      return true;
    });
  }
}
