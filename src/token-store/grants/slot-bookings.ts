import { Injectable, Logger } from '@nestjs/common';
import type { Grant } from '../../domain/grant/grant.js';
import type { Secret } from '../../domain/secret.js';
import { Sealer } from '../../sealing/sealer.js';
import { Database } from '../client/database.js';
import type { Prisma, RefreshToken } from '../prisma-client/client.js';
import { canonical } from '../sealed/aad.js';
import { type BookedToken, SlotCounts } from './slot-counts.js';
import { NAMED_BY_CALLER, riscNames } from './slot-rows.js';

type Transaction = Prisma.TransactionClient;

/** What a token keeps where it is booked for another user. */
export type Former = Pick<RefreshToken, 'sequence' | 'issuedAt' | 'ageUnknown'> &
  Partial<Pick<RefreshToken, 'endedAt' | 'endReason'>>;

/** A new refresh token, and what it was issued for. */
interface Issue {
  /** The user that it was issued for. */
  readonly userId: string;
  readonly accountSub: string;
  readonly client: string;
  readonly grantId: string | null;
  /** False where only an unverified id_token names the account, or the caller of an import. */
  readonly isAccountVerified?: boolean;
  readonly token: Secret;
  readonly expiresAt: Date | null;
  /** True where another system obtained it: Google issued it some time before, and evicts none for it. */
  readonly isImported?: boolean;
  /** Its row, where it was booked for another user before. */
  readonly former?: Former | null;
  readonly now: Date;
}

/** Milliseconds, for each statement. */
const COUNT_TIMEOUT_MS = '1500';

/** Rows that migration user_in_every_key could give no user. */
const UNOWNED = '';

/** What is done once a booking is committed: the change that it came with is stored by then, whatever becomes of this. */
type After = () => Promise<void>;

/**
 * Writes the slot ledger (the table refresh_tokens), always in the transaction of the change that brought the token. Its rows
 * are their user's; those of one account and client, of whatever users, are serialised with an advisory lock. Evicted tokens
 * of other users end after the commit, in a transaction for each; what a crash leaves, the next booking of the account ends.
 * Does not own how slots are counted (slot-counts.ts), what was not counted (uncounted-slots.repository.ts), nor what the ledger
 * answers (slot-ledger.repository.ts).
 */
@Injectable()
export class SlotBookings {
  readonly #log = new Logger(SlotBookings.name);
  readonly #after = new WeakMap<Transaction, After[]>();

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly counts: SlotCounts,
  ) {}

  /** A transaction that may book tokens. What it leaves for after its commit is tried once here. */
  async transaction<Result>(run: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const after: After[] = [];
    const result = await this.database.$transaction((tx) => {
      this.#after.set(tx, after);
      return run(tx);
    });
    const warn = (error: unknown) => {
      this.#log.warn(
        { err: error },
        'slots could not be counted, or an evicted token not ended; a job counts them, the next booking of the account ends it',
      );
    };
    for (const follow of after) await follow().catch(warn);
    return result;
  }

  /**
   * Books one token in the transaction of the change it came with, and ends those that Google ends for it. On a cluster these are counted
   * after the commit: all servers are asked, and one that is away must not keep a token from being stored.
   * @param onCounted takes how many slots of the account and client are taken then
   */
  async book(
    tx: Transaction,
    {
      userId,
      token,
      accountSub,
      client,
      grantId,
      expiresAt,
      now,
      isAccountVerified = true,
      isImported = false,
      former = null,
    }: Issue,
    onCounted: (tx: Transaction, taken: number) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    await this.lock(tx, accountSub, client);
    if (grantId !== null) {
      await tx.refreshToken.updateMany({
        where: { userId, grantId, current: true },
        data: { current: false, lastUsedAt: now, mac: null },
      });
    }
    const fingerprint = this.fingerprint(token);
    const key = { userId, fingerprint };
    const current = grantId !== null;
    const known = former ?? (await this.#takeUnowned(tx, fingerprint));
    // Such a one is counted nowhere.
    const named = isImported && !isAccountVerified ? { ...NAMED_BY_CALLER, slotsTaken: 0 } : {};
    await tx.refreshToken.upsert({
      where: { userId_fingerprint: key },
      create: {
        ...key,
        ...riscNames(this.sealer, token),
        accountSub,
        accountVerified: isAccountVerified,
        client,
        grantId,
        current,
        issuedAt: now,
        ageUnknown: isImported,
        ...known,
        ...named,
        lastUsedAt: now,
        expiresAt,
      },
      // Booked before, and now without a grant: perhaps it was saved after all, and its grant uses it.
      update: {
        ...(current ? { grantId, current, accountSub, ...named } : {}),
        ...(isAccountVerified ? { accountSub, accountVerified: true } : {}),
        // Google has just accepted it, whatever the ledger inferred.
        ...(isImported ? { endedAt: null, endReason: null } : {}),
      },
    });
    // Evictions are booked once the account is verified.
    if (!isAccountVerified) return;
    const booked = { userId, fingerprint, accountSub, client, mayEvict: !isImported, now };
    if (!this.database.isDistributed()) {
      await this.count(tx, booked, onCounted);
      return;
    }
    this.#after.get(tx)?.push(async () => {
      await this.later(booked, (later) => this.count(later, booked, onCounted));
    });
  }

  /** A transaction about the slots of an account, after that of a booking. */
  later<Result>(
    { accountSub, client }: Pick<BookedToken, 'accountSub' | 'client'>,
    run: (tx: Transaction) => Promise<Result>,
  ): Promise<Result> {
    return this.transaction(async (tx) => {
      // A server that does not answer must not hold the lock: consents and new refresh tokens of the account wait for it.
      await tx.$executeRaw`SELECT set_config('statement_timeout', ${COUNT_TIMEOUT_MS}, true)`;
      await this.lock(tx, accountSub, client);
      return run(tx);
    });
  }

  /** Under the lock of the account and client. @returns how many of its slots are taken */
  async count(
    tx: Transaction,
    booked: BookedToken,
    onCounted: (tx: Transaction, taken: number) => Promise<void>,
  ): Promise<number> {
    const { taken, left } = await this.counts.count(tx, booked);
    for (const token of left) this.#after.get(tx)?.push(() => this.counts.end(token, booked.now));
    await onCounted(tx, taken);
    return taken;
  }

  /**
   * Takes a token that has no user out of the ledger, to be booked for one. On a cluster it stays, and counts twice: its row is at
   * another server, and a transaction of two cannot notify.
   */
  async #takeUnowned(tx: Transaction, fingerprint: Uint8Array<ArrayBuffer>): Promise<Former | null> {
    if (this.database.isDistributed()) return null;
    const key = { userId: UNOWNED, fingerprint };
    const row = await tx.refreshToken.findUnique({ where: { userId_fingerprint: key } });
    if (!row) return null;
    await tx.refreshToken.delete({ where: { userId_fingerprint: key } });
    const { sequence, issuedAt, ageUnknown, endedAt, endReason } = row;
    return { sequence, issuedAt, ageUnknown, endedAt, endReason };
  }

  /** For several clients, always in the same order: no deadlock. */
  async lockAll(tx: Transaction, accountSub: string, clients: readonly string[]): Promise<void> {
    for (const client of [...clients].sort()) await this.lock(tx, accountSub, client);
  }

  /**
   * Signs a booked token as the current one of its grant, sealed under the grant's version. An unsigned one is not used: an
   * older token that was put back, or a row of the ledger that was set to current in the database.
   */
  async sign(tx: Transaction, grant: Grant, token: Secret): Promise<void> {
    await tx.refreshToken.updateMany({
      where: { userId: grant.userId, fingerprint: this.fingerprint(token), grantId: grant.id, current: true },
      data: { mac: this.macOf(grant, grant.version, token) },
    });
  }

  /** How a token is booked that Google gave in place of another one: of its account, which the same one named. */
  async asBefore(
    tx: Transaction,
    userId: string,
    former: Secret,
  ): Promise<Pick<Issue, 'isAccountVerified' | 'isImported'>> {
    const row = { userId, fingerprint: this.fingerprint(former), ...NAMED_BY_CALLER };
    return (await tx.refreshToken.count({ where: row })) > 0
      ? { isAccountVerified: false, isImported: true }
      : {};
  }

  /** Whether a booked token has ended since: with its account, or by eviction. */
  async isEnded(tx: Transaction, userId: string, token: Secret): Promise<boolean> {
    const rows = await tx.refreshToken.findMany({
      where: { userId: { in: [userId, UNOWNED] }, fingerprint: this.fingerprint(token) },
      select: { endedAt: true },
    });
    return rows.some(({ endedAt }) => endedAt !== null);
  }

  /** Whether a revocation that finished since may have ended the tokens of an account, also one with an unclear outcome. */
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

  /** Serialises consents of one account and client, so that the order of issue is the order of rows. */
  async lock(tx: Transaction, accountSub: string, client: string): Promise<void> {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${accountSub} ${client}`}, 0))`;
  }
}
