import { Injectable } from '@nestjs/common';
import type { ConnectWish } from '../domain/connect-wish.js';
import type { VerifiedAccount } from '../domain/grant.js';
import { IntegrityAlarm } from '../domain/ports/integrity-alarm.js';
import { PendingConsents, type PendingConsent } from '../domain/ports/pending-consents.js';
import { SealBroken, Sealer } from '../domain/ports/sealer.js';
import { Secret } from '../domain/secret.js';
import { Database } from './database.js';
import { pendingConsentAad } from './places.js';
import type { PendingConsent as Row, Prisma } from './prisma-client/client.js';
import { takeExchange } from './prisma-pending-exchanges.js';

/** What is sealed: everything, since it holds both tokens. */
interface Letter {
  readonly wish: ConnectWish;
  readonly includedGranted: boolean;
  readonly account: VerifiedAccount;
  readonly accessToken: string;
  readonly obtainedAt: string;
  readonly expiresAt: string;
  readonly scopes: readonly string[];
  readonly refreshToken: string | null;
  readonly refreshTokenExpiresAt: string | null;
}

/** In the transaction of the grant that was made of it. @returns false when another has finished it */
export async function takeConsent(
  tx: Prisma.TransactionClient,
  codeHash: Uint8Array<ArrayBuffer> | null,
): Promise<boolean> {
  return codeHash === null || (await tx.pendingConsent.deleteMany({ where: { codeHash } })).count > 0;
}

@Injectable()
export class PrismaPendingConsents extends PendingConsents {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly alarm: IntegrityAlarm,
  ) {
    super();
  }

  override async put(
    codeHash: Uint8Array<ArrayBuffer>,
    { wish, answer, includedGranted }: PendingConsent,
    exchangeId: string,
    now: Date,
    expiresAt: Date,
  ): Promise<boolean> {
    const letter: Letter = {
      wish,
      includedGranted,
      account: answer.account,
      accessToken: answer.accessToken.reveal(),
      obtainedAt: answer.obtainedAt.toISOString(),
      expiresAt: answer.expiresAt.toISOString(),
      scopes: answer.scopes,
      refreshToken: answer.refreshToken?.reveal() ?? null,
      refreshTokenExpiresAt: answer.refreshTokenExpiresAt?.toISOString() ?? null,
    };
    const sealedConsent = await this.sealer.seal(
      new Secret(JSON.stringify(letter)),
      pendingConsentAad({ codeHash, createdAt: now, expiresAt }),
    );
    await this.database.pendingConsent.deleteMany({ where: { expiresAt: { lte: now } } });
    return this.database.$transaction(async (tx) => {
      if (!(await takeExchange(tx, exchangeId))) return false;
      await tx.pendingConsent.create({ data: { codeHash, sealedConsent, createdAt: now, expiresAt } });
      return true;
    });
  }

  override async find(codeHash: Uint8Array<ArrayBuffer>, now: Date): Promise<PendingConsent | null> {
    const row = await this.database.pendingConsent.findUnique({ where: { codeHash } });
    if (!row || row.expiresAt <= now) return null;
    const opened = await this.#open(row);
    if (!opened) return null;
    const letter = JSON.parse(opened.reveal()) as Letter;
    return {
      wish: letter.wish,
      includedGranted: letter.includedGranted,
      answer: {
        account: letter.account,
        accessToken: new Secret(letter.accessToken),
        obtainedAt: new Date(letter.obtainedAt),
        expiresAt: new Date(letter.expiresAt),
        scopes: letter.scopes,
        refreshToken: letter.refreshToken === null ? null : new Secret(letter.refreshToken),
        refreshTokenExpiresAt:
          letter.refreshTokenExpiresAt === null ? null : new Date(letter.refreshTokenExpiresAt),
      },
    };
  }

  override async remove(codeHash: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.database.pendingConsent.deleteMany({ where: { codeHash } });
  }

  async #open({ codeHash, sealedConsent, createdAt, expiresAt }: Row): Promise<Secret | null> {
    try {
      return await this.sealer.open(sealedConsent, pendingConsentAad({ codeHash, createdAt, expiresAt }));
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      const id = Buffer.from(codeHash).toString('hex').slice(0, 12);
      this.alarm.raise({ kind: 'pending_consent', id, reason: error.message });
      return null;
    }
  }
}
