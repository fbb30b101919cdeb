import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Account, Grant, NewRefreshToken } from '../../domain/grant/grant.js';
import { isNearlyFull } from '../../domain/grant/slots.js';
import { SlotReporter } from '../../domain/ports/reporters.js';
import { Outbox } from '../outbox/outbox.js';
import type { Prisma } from '../prisma-client/client.js';
import { type Former, SlotBookings } from './slot-bookings.js';
import { SlotCounts } from './slot-counts.js';

interface Unused {
  readonly userId: string;
  readonly account: Pick<Account, 'sub'>;
  readonly client: string;
  readonly answer: NewRefreshToken;
  readonly now: Date;
}

export interface UnusedOptions {
  /** False where only an unverified id_token names the account, or the caller of an import. */
  readonly isAccountVerified?: boolean;
  /** True where it has the slot of a token of another system: Google evicts none for it. */
  readonly isImported?: boolean;
}

/**
 * A new refresh token in the transaction that stores its grant: the dates of the grant, the booking in the slot ledger, and
 * the alarm when slots run out.
 * Does not own its ciphertext (credential-sealer.ts) nor how the ledger is written (slot-bookings.ts).
 */
@Injectable()
export class BookRefreshToken {
  constructor(
    private readonly ledger: SlotBookings,
    private readonly counts: SlotCounts,
    private readonly outbox: Outbox,
    private readonly reporter: SlotReporter,
    private readonly settings: Settings,
  ) {}

  /** Empty where none came: the stored one stays, and so do its dates. */
  dates(answer: NewRefreshToken, now: Date) {
    if (answer.refreshToken === null) return {};
    return { refreshTokenIssuedAt: now, refreshTokenExpiresAt: answer.refreshTokenExpiresAt };
  }

  /** Books a token that becomes no grant's: it takes a slot all the same. */
  async bookUnused(
    tx: Prisma.TransactionClient,
    { userId, account, client, answer, now }: Unused,
    options: UnusedOptions = {},
  ): Promise<void> {
    const { refreshToken: token, refreshTokenExpiresAt: expiresAt } = answer;
    if (token === null) return;
    await this.ledger.book(tx, {
      userId,
      accountSub: account.sub,
      client,
      grantId: null,
      token,
      expiresAt,
      now,
      ...options,
    });
  }

  /** @param grant as it is stored with this answer, under the version that its credential was sealed under */
  async book(
    tx: Prisma.TransactionClient,
    grant: Grant,
    answer: NewRefreshToken,
    now: Date,
    options: UnusedOptions & { readonly former?: Former | null } = {},
  ): Promise<void> {
    const { refreshToken: token, refreshTokenExpiresAt: expiresAt } = answer;
    if (token === null) return;
    const { userId, client, id: grantId } = grant;
    const accountSub = grant.account.sub;
    const issue = { userId, accountSub, client, grantId, token, expiresAt, now, ...options };
    await this.ledger.book(tx, issue, (counting, used) => this.warn(counting, grant, used, now));
    await this.ledger.sign(tx, grant, token);
  }

  /** Once slots run out. */
  async warn(tx: Prisma.TransactionClient, grant: Grant, used: number, now: Date): Promise<void> {
    const { client, id: grantId, account } = grant;
    const { slotLimit: limit, accountSlotLimit } = this.settings;
    if (isNearlyFull(used, limit)) {
      this.reporter.nearlyFull({ client, grantId, used, limit });
      await this.outbox.notify(tx, 'slots.nearly_full', grant, now, {
        slots: { limit, used, free: limit - used },
      });
    }
    const usedByAccount = await this.counts.ofAccount(tx, account.sub, now);
    if (isNearlyFull(usedByAccount, accountSlotLimit)) {
      this.reporter.accountNearlyFull({ client, grantId, used: usedByAccount, limit: accountSlotLimit });
      // Without `free`: the limit is the broker's own.
      await this.outbox.notify(tx, 'slots.account_nearly_full', grant, now, {
        slots: { limit: accountSlotLimit, used: usedByAccount },
      });
    }
  }
}
