import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { Grant, TokenAnswer } from '../domain/grant.js';
import { Sealer } from '../domain/ports/sealer.js';
import { SlotAlarm } from '../domain/ports/slot-alarm.js';
import type { Secret } from '../domain/secret.js';
import { isNearlyFull } from '../domain/slots.js';
import { Outbox } from './outbox.js';
import { refreshTokenPlace } from './places.js';
import type { Prisma } from './prisma-client/client.js';
import { PrismaSlotLedger } from './prisma-slot-ledger.js';

/** A refresh token that came: the columns of its grant, its place in the ledger, and the alarm when slots run out. */
@Injectable()
export class RefreshTokens {
  constructor(
    private readonly sealer: Sealer,
    private readonly ledger: PrismaSlotLedger,
    private readonly outbox: Outbox,
    private readonly alarm: SlotAlarm,
    private readonly settings: Settings,
  ) {}

  open(grantId: string, sealed: string): Promise<Secret> {
    return this.sealer.open(sealed, refreshTokenPlace(grantId));
  }

  /** Empty where none came: the stored one stays. */
  async columns(grantId: string, answer: TokenAnswer, now: Date) {
    if (answer.refreshToken === null) return {};
    return {
      sealedRefreshToken: await this.sealer.seal(answer.refreshToken, refreshTokenPlace(grantId)),
      refreshTokenIssuedAt: now,
      refreshTokenExpiresAt: answer.refreshTokenExpiresAt,
    };
  }

  async book(tx: Prisma.TransactionClient, grant: Grant, answer: TokenAnswer, now: Date): Promise<void> {
    const { refreshToken: token, refreshTokenExpiresAt: expiresAt } = answer;
    if (token === null) return;
    const { client, id: grantId } = grant;
    const accountSub = grant.account.sub;
    const used = await this.ledger.book(tx, { accountSub, client, grantId, token, expiresAt, now });
    const { slotLimit: limit } = this.settings;
    if (isNearlyFull(used, limit)) {
      this.alarm.nearlyFull({ client, grantId, used, limit });
      await this.outbox.tell(tx, 'slots.nearly_full', grant, now, {
        slots: { limit, used, free: limit - used },
      });
    }
  }
}
