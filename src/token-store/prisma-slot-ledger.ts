import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { isLiving, type Account, type Grant, type TokenAnswer } from '../domain/grant.js';
import { Sealer } from '../domain/ports/sealer.js';
import { SlotLedger } from '../domain/ports/slot-ledger.js';
import { Secret } from '../domain/secret.js';
import { INACTIVITY_SECONDS, type LiveToken } from '../domain/slots.js';
import { alongIndex } from './bounded-scan.js';
import { canonical } from './canonical.js';
import { Database } from './database.js';
import { hasEmail } from './grant-row.js';
import { Prisma } from './prisma-client/client.js';

/** Accounts that are looked into before a connect, at most. */
const MOST_SUSPECTS = 20;

type Transaction = Prisma.TransactionClient;

/** A refresh token that came, and what it came for. */
export interface Issue {
  readonly accountSub: string;
  readonly client: string;
  readonly grantId: string | null;
  /** False where only an unverified id_token names the account. */
  readonly isAccountVerified?: boolean;
  readonly token: Secret;
  readonly expiresAt: Date | null;
  readonly now: Date;
}

/** What Google counts as live: not ended, not expired, and used within six months if nobody uses it any more. */
function live(now: Date): Prisma.RefreshTokenWhereInput {
  return {
    endedAt: null,
    AND: [
      { OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
      {
        OR: [{ current: true }, { lastUsedAt: { gt: new Date(now.getTime() - INACTIVITY_SECONDS * 1000) } }],
      },
    ],
  };
}

@Injectable()
export class PrismaSlotLedger extends SlotLedger {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly settings: Settings,
  ) {
    super();
  }

  override async liveTokens(accountSub: string, client: string, now: Date): Promise<LiveToken[]> {
    const rows = await this.database.refreshToken.findMany({
      where: { accountSub, client, ...live(now) },
      orderBy: { sequence: 'asc' },
      include: { grant: { select: { userId: true, status: true } } },
    });
    return rows.map(({ grantId, grant, issuedAt, current }) => ({
      grantId,
      userId: grant?.userId ?? null,
      client,
      issuedAt,
      current: current && grant !== null && isLiving(grant),
    }));
  }

  override liveOfAccount(accountSub: string, now: Date): Promise<number> {
    return this.database.refreshToken.count({ where: { accountSub, ...live(now) } });
  }

  /**
   * Of a full account, the newest living token was booked when no slot was left. Few such tokens live; where more do than
   * are looked into here, the answer is yes, and a user signs in once more than would have been needed.
   */
  override async isAnyAccountFull(client: string, limit: number, now: Date): Promise<boolean> {
    const suspects = await alongIndex<{ accountSub: string }>(
      this.database,
      Prisma.sql`SELECT account_sub AS "accountSub" FROM refresh_tokens
        WHERE client = ${client} AND slots_taken >= ${limit} AND ended_at IS NULL
        ORDER BY slots_taken DESC LIMIT ${MOST_SUSPECTS}`,
    );
    for (const accountSub of new Set(suspects.map((token) => token.accountSub))) {
      if ((await this.liveTokens(accountSub, client, now)).length >= limit) return true;
    }
    return suspects.length === MOST_SUSPECTS;
  }

  override async findAccount(subOrEmail: string): Promise<string | null> {
    // A sub is a sub before it is an email; of an email that went from one account to another, the last one counts.
    const [account] = await this.database.$queryRaw<{ accountSub: string }[]>`
      (SELECT account_sub AS "accountSub" FROM grants WHERE account_sub = ${subOrEmail} LIMIT 1)
      UNION ALL
      (SELECT account_sub FROM grants WHERE ${hasEmail(subOrEmail)} ORDER BY consented_at DESC LIMIT 1)
      LIMIT 1`;
    return account?.accountSub ?? null;
  }

  override async endReason(grantId: string): Promise<string | null> {
    const row = await this.database.refreshToken.findFirst({
      where: { grantId, current: true },
      orderBy: { sequence: 'desc' },
    });
    if (!row || row.endReason !== null) return row?.endReason ?? null;
    const { client, accountSub, issuedAt } = row;
    // It came while Google was being asked to revoke all of the account.
    const during = {
      accountSub,
      clients: { has: client },
      begunAt: { lte: issuedAt },
      finishedAt: { gte: issuedAt },
    };
    const before = {
      accountSub,
      clients: { has: client },
      outcome: 'unclear',
      finishedAt: { gte: issuedAt },
    };
    const revocation = await this.database.revocation.findFirst({
      where: { OR: [{ ...during, outcome: 'revoked' }, before] },
    });
    return revocation && 'revoked_with_sibling';
  }

  override async bookUnused(account: Account, client: string, answer: TokenAnswer, now: Date): Promise<void> {
    const { refreshToken: token, refreshTokenExpiresAt: expiresAt } = answer;
    if (token === null) return;
    await this.database.$transaction((tx) =>
      this.book(tx, { accountSub: account.sub, client, grantId: null, token, expiresAt, now }),
    );
  }

  /**
   * Books one token in the transaction of the change it came with, and ends those that Google ends for it.
   * @returns how many slots of the account and client are taken now
   */
  async book(
    tx: Transaction,
    { token, accountSub, client, grantId, expiresAt, now, isAccountVerified = true }: Issue,
  ): Promise<number> {
    await this.lock(tx, accountSub, client);
    if (grantId !== null) {
      await tx.refreshToken.updateMany({
        where: { grantId, current: true },
        data: { current: false, lastUsedAt: now, mac: null },
      });
    }
    const fingerprint = this.fingerprint(token);
    const current = grantId !== null;
    await tx.refreshToken.upsert({
      where: { fingerprint },
      create: {
        fingerprint,
        ...this.#riscNames(token),
        accountSub,
        accountVerified: isAccountVerified,
        client,
        grantId,
        current,
        issuedAt: now,
        lastUsedAt: now,
        expiresAt,
      },
      // Known already, and of no grant now: perhaps it was saved after all, and its grant uses it.
      update: {
        ...(current ? { grantId, current } : {}),
        ...(isAccountVerified ? { accountSub, accountVerified: true } : {}),
      },
    });
    // Which tokens Google ended for it is said once it is sure whose it is.
    if (!isAccountVerified) return 0;
    const taken = await this.#evict(tx, accountSub, client, now);
    await tx.refreshToken.update({ where: { fingerprint }, data: { slotsTaken: taken } });
    return taken;
  }

  /** For what concerns several clients: always in the same order, so that two of them do not wait for each other. */
  async lockAll(tx: Transaction, accountSub: string, clients: readonly string[]): Promise<void> {
    for (const client of [...clients].sort()) await this.lock(tx, accountSub, client);
  }

  /**
   * Says of a booked token that it is the one of its grant, as sealed under the grant's version. What is not signed so is
   * not used: an older token that somebody puts back, or a row of the ledger that somebody calls current.
   */
  async sign(tx: Transaction, grant: Grant, token: Secret): Promise<void> {
    await tx.refreshToken.updateMany({
      where: {
        fingerprint: this.fingerprint(token),
        grantId: grant.id,
        current: true,
      },
      data: { mac: this.macOf(grant, grant.version, token) },
    });
  }

  /** Whether a token that was booked before died since: with its account, or by eviction. */
  async isEnded(tx: Transaction, token: Secret): Promise<boolean> {
    const row = await tx.refreshToken.findUnique({ where: { fingerprint: this.fingerprint(token) } });
    return row !== null && row.endedAt !== null;
  }

  /** Whether what Google gave for an account may have died by a revocation that ended here since, also by one whose end is unclear. */
  async wasRevokedSince(tx: Transaction, accountSub: string, client: string, since: Date): Promise<boolean> {
    const ended = { finishedAt: { gte: since }, NOT: { outcome: 'already_dead' } };
    const found = await tx.revocation.findFirst({
      where: { accountSub, clients: { has: client }, ...ended },
    });
    return found !== null;
  }

  fingerprint(token: Secret): Uint8Array<ArrayBuffer> {
    return this.sealer.fingerprint(token, 'refresh-token');
  }

  /** @param version the one that the token was sealed under */
  macOf({ id, client, account }: Grant, version: number, token: Secret): Uint8Array<ArrayBuffer> {
    const fingerprint = this.fingerprint(token);
    return this.sealer.mac(canonical([fingerprint, account.sub, client, id, version]), 'refresh_tokens');
  }

  /** Consents of one account and client happen one after the other, so that the order of issue is the order of rows. */
  async lock(tx: Transaction, accountSub: string, client: string): Promise<void> {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${accountSub} ${client}`}, 0))`;
  }

  async #evict(tx: Transaction, accountSub: string, client: string, now: Date): Promise<number> {
    const rows = await tx.refreshToken.findMany({
      where: { accountSub, client, ...live(now) },
      orderBy: { sequence: 'asc' },
      select: { fingerprint: true },
    });
    const evicted = rows.slice(0, Math.max(0, rows.length - this.settings.slotLimit));
    if (evicted.length > 0) {
      await tx.refreshToken.updateMany({
        where: { fingerprint: { in: evicted.map(({ fingerprint }) => fingerprint) } },
        data: { endedAt: now, endReason: 'slot_eviction' },
      });
    }
    return rows.length - evicted.length;
  }

  /** By what Cross-Account Protection names a token (`token_identifier_alg`), as keyed digests. */
  #riscNames(token: Secret) {
    const text = token.reveal();
    const twice = createHash('sha512').update(createHash('sha512').update(text).digest()).digest('base64');
    return {
      prefixHash: this.sealer.fingerprint(new Secret(text.slice(0, 16)), 'risc-prefix'),
      sha512Hash: this.sealer.fingerprint(new Secret(twice), 'risc-sha512'),
    };
  }
}
