import { Injectable } from '@nestjs/common';
import type { ConnectWish } from '../domain/connect-wish.js';
import { IntegrityAlarm } from '../domain/ports/integrity-alarm.js';
import {
  PendingExchanges,
  type DueExchange,
  type PendingExchange,
} from '../domain/ports/pending-exchanges.js';
import { SealBroken, Sealer } from '../domain/ports/sealer.js';
import { Secret } from '../domain/secret.js';
import { Database } from './database.js';
import { pendingExchangeAad } from './places.js';
import type { PendingExchange as Row, Prisma } from './prisma-client/client.js';
import { SlotBookings } from './slot-bookings.js';

/** What is sealed: everything, since it holds tokens. */
interface Letter {
  readonly wish: ConnectWish;
  readonly forcedConsent: boolean;
  readonly includedGranted: boolean;
  readonly nonceHash: string;
  readonly requestId: string;
  readonly accessToken: string;
  readonly obtainedAt: string;
  readonly accessTokenExpiresAt: string;
  readonly scopes: readonly string[];
  readonly refreshToken: string | null;
  readonly refreshTokenExpiresAt: string | null;
  readonly idToken: string | null;
}

/** In the transaction of what was made of it. @returns false when another has finished it */
export async function takeExchange(tx: Prisma.TransactionClient, id: string | null): Promise<boolean> {
  return id === null || (await tx.pendingExchange.deleteMany({ where: { id } })).count > 0;
}

@Injectable()
export class PrismaPendingExchanges extends PendingExchanges {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly ledger: SlotBookings,
    private readonly alarm: IntegrityAlarm,
  ) {
    super();
  }

  override async put(
    exchange: PendingExchange,
    claimedSub: string | null,
    now: Date,
    dueAt: Date,
    expiresAt: Date,
  ): Promise<void> {
    const { id, wish, answer } = exchange;
    const { client } = wish;
    const sealedExchange = await this.sealer.seal(
      new Secret(JSON.stringify(write(exchange))),
      pendingExchangeAad({ id, createdAt: now, expiresAt }),
    );
    const { refreshToken: token, refreshTokenExpiresAt } = answer;
    await this.database.$transaction(async (tx) => {
      await tx.pendingExchange.create({
        data: { id, sealedExchange, createdAt: now, expiresAt, nextAttemptAt: dueAt },
      });
      if (token === null || claimedSub === null) return;
      await this.ledger.book(tx, {
        accountSub: claimedSub,
        isAccountVerified: false,
        client,
        grantId: null,
        token,
        expiresAt: refreshTokenExpiresAt,
        now,
      });
    });
  }

  override async claim(most: number, now: Date, until: Date): Promise<DueExchange[]> {
    const due = await this.database.pendingExchange.findMany({
      where: { nextAttemptAt: { lte: now } },
      orderBy: { nextAttemptAt: 'asc' },
      take: most,
    });
    const claimed = await Promise.all(due.map((row) => this.#claim(row, until)));
    return claimed.filter((exchange) => exchange !== null);
  }

  override async claimByCode(
    codeHash: Uint8Array<ArrayBuffer>,
    until: Date,
  ): Promise<DueExchange | 'busy' | null> {
    const row = await this.database.pendingExchange.findUnique({ where: { codeHash } });
    if (!row) return null;
    // The app's server waits: what rests until its next attempt is tried now.
    return (await this.#claim(row, until)) ?? 'busy';
  }

  /** @returns null where another was first, or where it cannot be opened: this replica may lack the key */
  async #claim(row: Row, until: Date): Promise<DueExchange | null> {
    const { id, attempts } = row;
    const { count } = await this.database.pendingExchange.updateMany({
      where: { id, attempts },
      data: { nextAttemptAt: until, attempts: { increment: 1 } },
    });
    if (count === 0) return null;
    try {
      return await this.#open(row);
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.alarm.raise({ kind: 'pending_exchange', id, reason: error.message });
      return null;
    }
  }

  override async postpone(
    id: string,
    nextAttemptAt: Date,
    codeHash: Uint8Array<ArrayBuffer> | null,
  ): Promise<void> {
    await this.database.pendingExchange.updateMany({
      where: { id },
      data: { nextAttemptAt, ...(codeHash === null ? {} : { codeHash }) },
    });
  }

  override async remove(id: string): Promise<void> {
    await this.database.pendingExchange.deleteMany({ where: { id } });
  }

  async #open(row: Row): Promise<DueExchange> {
    const { id, sealedExchange, codeHash, attempts, expiresAt } = row;
    const opened = await this.sealer.open(sealedExchange, pendingExchangeAad(row));
    return { id, codeHash, attempts, expiresAt, ...read(JSON.parse(opened.reveal()) as Letter) };
  }
}

function write({ answer, nonceHash, ...exchange }: PendingExchange): Letter {
  const { wish, forcedConsent, includedGranted, requestId } = exchange;
  return {
    wish,
    forcedConsent,
    includedGranted,
    requestId,
    nonceHash: Buffer.from(nonceHash).toString('base64url'),
    accessToken: answer.accessToken.reveal(),
    obtainedAt: answer.obtainedAt.toISOString(),
    accessTokenExpiresAt: answer.expiresAt.toISOString(),
    scopes: answer.scopes,
    refreshToken: answer.refreshToken?.reveal() ?? null,
    refreshTokenExpiresAt: answer.refreshTokenExpiresAt?.toISOString() ?? null,
    idToken: answer.idToken?.reveal() ?? null,
  };
}

function read(letter: Letter): Omit<PendingExchange, 'id' | 'codeHash'> {
  const { wish, forcedConsent, includedGranted, requestId } = letter;
  const secret = (value: string | null) => (value === null ? null : new Secret(value));
  return {
    wish,
    forcedConsent,
    includedGranted,
    requestId,
    nonceHash: new Uint8Array(Buffer.from(letter.nonceHash, 'base64url')),
    answer: {
      accessToken: new Secret(letter.accessToken),
      obtainedAt: new Date(letter.obtainedAt),
      expiresAt: new Date(letter.accessTokenExpiresAt),
      scopes: letter.scopes,
      refreshToken: secret(letter.refreshToken),
      refreshTokenExpiresAt:
        letter.refreshTokenExpiresAt === null ? null : new Date(letter.refreshTokenExpiresAt),
      idToken: secret(letter.idToken),
    },
  };
}
