import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { oldestFirst } from '../../domain/grant/slots.js';
import { Database } from '../client/database.js';
import type { Prisma, RefreshToken } from '../prisma-client/client.js';
import { live } from './slot-rows.js';

type Transaction = Prisma.TransactionClient;
type TokenKey = Pick<RefreshToken, 'userId' | 'fingerprint'>;

/** One that is in the ledger. */
export interface BookedToken extends TokenKey {
  readonly accountSub: string;
  readonly client: string;
  /** Whether Google issued it now, to an account that is known: then it may have ended an older one for it. */
  readonly mayEvict: boolean;
  readonly now: Date;
}

const EVICTED = 'slot_eviction';

/** The default of `slots_taken`: a token whose slots were not counted yet. Its account may be full. */
export const UNCOUNTED = 2_147_483_647;

/** How many slots of an account are taken, and which tokens Google ended for a new one. Does not own the lock of the account (slot-bookings.ts). */
@Injectable()
export class SlotCounts {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /**
   * Counts the slots of the account and client of a token, and ends those of its user that Google ended.
   * @returns how many are taken, and the tokens of other users that are to be ended after the commit
   */
  async count(tx: Transaction, booked: BookedToken): Promise<{ taken: number; left: readonly TokenKey[] }> {
    const { userId, fingerprint, accountSub, client, mayEvict, now } = booked;
    const rows = await tx.refreshToken.findMany({
      where: { accountSub, client, ...live(now) },
      orderBy: { sequence: 'asc' },
      select: { userId: true, fingerprint: true, ageUnknown: true },
    });
    const ages = rows.map(({ ageUnknown, ...key }) => ({ ...key, isAgeKnown: !ageUnknown }));
    const more = mayEvict ? Math.max(0, rows.length - this.settings.slotLimit) : 0;
    const evicted = oldestFirst(ages).slice(0, more);
    const own = evicted.filter((token) => token.userId === userId);
    if (own.length > 0) {
      await tx.refreshToken.updateMany({
        where: { userId, fingerprint: { in: own.map((token) => token.fingerprint) } },
        data: { endedAt: now, endReason: EVICTED },
      });
    }
    const taken = rows.length - evicted.length;
    await tx.refreshToken.updateMany({ where: { userId, fingerprint }, data: { slotsTaken: taken } });
    return { taken, left: evicted.filter((token) => token.userId !== userId) };
  }

  /** Of another user than the one that a token was booked for. */
  async end({ userId, fingerprint }: TokenKey, endedAt: Date): Promise<void> {
    await this.database.refreshToken.updateMany({
      where: { userId, fingerprint, endedAt: null },
      data: { endedAt, endReason: EVICTED },
    });
  }

  /** How many tokens of an account are live across all clients. */
  ofAccount(tx: Transaction, accountSub: string, now: Date): Promise<number> {
    return tx.refreshToken.count({ where: { accountSub, ...live(now) } });
  }
}
