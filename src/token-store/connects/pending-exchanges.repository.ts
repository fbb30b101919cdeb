import { Injectable } from '@nestjs/common';
import type { ConnectRequest } from '../../domain/connect/connect-request.js';
import { FINISHING_SECONDS } from '../../domain/connect/connect-ticket.js';
import type { CodeExchangeResponse } from '../../domain/google/oauth.js';
import { after } from '../../domain/ports/clock.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import { Secret } from '../../domain/secret.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import { Database } from '../client/database.js';
import { SlotBookings } from '../grants/slot-bookings.js';
import type { PendingExchange as Row, Prisma } from '../prisma-client/client.js';
import { pendingExchangeAad } from '../sealed/aad.js';
import { ConnectTicketsRepository } from './connect-tickets.repository.js';

/** The response to a code exchange, and what it is verified against. */
export interface PendingExchange {
  readonly id: string;
  readonly connectRequest: ConnectRequest;
  /** Null: of a version without rows of tickets. */
  readonly ticketId: string | null;
  /** Whether prompt=consent was sent, so that Google must have answered with a refresh token. */
  readonly forcedConsent: boolean;
  readonly includedGranted: boolean;
  readonly nonceHash: Uint8Array<ArrayBuffer>;
  readonly answer: CodeExchangeResponse;
  /** The request id for log and audit, however much later it is finished. */
  readonly requestId: string;
  /** In confirm mode: the digest of the completion code. Null: of a version that drew it later. */
  readonly codeHash: Uint8Array<ArrayBuffer> | null;
}

/** A pending exchange that is finished without a browser. */
export interface DueExchange extends PendingExchange {
  /** How many attempts failed before. */
  readonly attempts: number;
  readonly expiresAt: Date;
}

/** Sealed as a whole, since it holds tokens. */
interface SealedExchange {
  readonly connectRequest: ConnectRequest;
  readonly ticketId?: string | null;
  readonly forcedConsent: boolean;
  readonly includedGranted: boolean;
  readonly nonceHash: string;
  /** As its column, which alone would let a writer of rows put it under the code of another. Absent: of a version that did not seal it. */
  readonly codeHash?: string | null;
  readonly requestId: string;
  readonly accessToken: string;
  readonly obtainedAt: string;
  readonly accessTokenExpiresAt: string;
  readonly scopes: readonly string[];
  readonly refreshToken: string | null;
  readonly refreshTokenExpiresAt: string | null;
  readonly idToken: string | null;
}

/** Retries come every few minutes: one this late was restored from a backup, no replica ran for a day, or none can open it. */
export const MAX_OVERDUE_MS = 3600_000;
/** In a day there are fewer. A count that was changed in the database must not overflow, and stop the others. */
const MAX_ATTEMPTS = 1_000_000;

/** In the transaction that creates the grant or the pending consent. @returns false when another replica has finished it */
export async function takeExchange(tx: Prisma.TransactionClient, id: string | null): Promise<boolean> {
  return id === null || (await tx.pendingExchange.deleteMany({ where: { id } })).count > 0;
}

/**
 * Responses to code exchanges that became no grant yet. A code works once, so its refresh token is stored before anything
 * that can fail. Storing is idempotent, by the id of the exchange. The transaction that creates the grant or the pending consent
 * removes the response, so that only one replica finishes it.
 */
@Injectable()
export class PendingExchangesRepository {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly ledger: SlotBookings,
    private readonly tickets: ConnectTicketsRepository,
    private readonly reporter: IntegrityReporter,
  ) {}

  /**
   * Stores a response, keeps its ticket open and books its refresh token in the slot ledger, in one transaction. To be repeated where it is not known
   * whether it was committed: what is stored already stays as it is.
   * @param claimedSub the account as the unverified id_token names it; null: not booked before it is verified
   * @param dueAt when another replica may take it over
   */
  async put(
    exchange: PendingExchange,
    claimedSub: string | null,
    now: Date,
    dueAt: Date,
    expiresAt: Date,
  ): Promise<void> {
    const { id, connectRequest, ticketId, answer, codeHash } = exchange;
    const { userId, client } = connectRequest;
    const sealedExchange = await this.sealer.seal(
      new Secret(JSON.stringify(write(exchange))),
      pendingExchangeAad({ id, createdAt: now, expiresAt }),
    );
    const { refreshToken: token, refreshTokenExpiresAt } = answer;
    await this.ledger.transaction(async (tx) => {
      if (ticketId !== null) await this.tickets.keepOpen(tx, ticketId, after(now, FINISHING_SECONDS));
      await tx.pendingExchange.createMany({
        data: { id, sealedExchange, codeHash, createdAt: now, expiresAt, nextAttemptAt: dueAt },
        skipDuplicates: true,
      });
      if (token === null || claimedSub === null) return;
      await this.ledger.book(tx, {
        userId,
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

  /** Takes what is due; no other replica gets it before `until`. */
  async claim(most: number, now: Date, until: Date): Promise<DueExchange[]> {
    const due = await this.database.pendingExchange.findMany({
      where: { nextAttemptAt: { lte: now } },
      orderBy: { nextAttemptAt: 'asc' },
      take: most,
    });
    const claimed = await Promise.all(due.map((row) => this.#claim(row, now, until)));
    return claimed.filter((exchange) => exchange !== null);
  }

  /**
   * Claims the one with a completion code, due or not. @returns null when there is none
   */
  async claimByCode(
    codeHash: Uint8Array<ArrayBuffer>,
    now: Date,
    until: Date,
  ): Promise<DueExchange | 'busy' | null> {
    const row = await this.database.pendingExchange.findUnique({ where: { codeHash } });
    if (!row) return null;
    // The app's server waits: the backoff until the next attempt does not apply.
    return (await this.#claim(row, now, until)) ?? 'busy';
  }

  /**
   * @returns null where another replica was first, or where it does not open: this replica may lack the key, so it is deleted only after
   * one that has it would have given it up
   */
  async #claim(row: Row, now: Date, until: Date): Promise<DueExchange | null> {
    const { id, attempts, expiresAt } = row;
    const { count } = await this.database.pendingExchange.updateMany({
      where: { id, attempts },
      data: { nextAttemptAt: until, attempts: attempts < MAX_ATTEMPTS ? attempts + 1 : 0 },
    });
    if (count === 0) return null;
    try {
      return await this.#open(row);
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.reporter.report({ kind: 'pending_exchange', id, reason: error.message });
      if (expiresAt.getTime() + MAX_OVERDUE_MS <= now.getTime()) await this.remove(id);
      return null;
    }
  }

  /** Releases it to be retried. */
  async postpone(id: string, nextAttemptAt: Date): Promise<void> {
    await this.database.pendingExchange.updateMany({ where: { id }, data: { nextAttemptAt } });
  }

  /** Deletes one that becomes no grant. Its refresh token stays booked: Google counts it. */
  async remove(id: string): Promise<void> {
    await this.database.pendingExchange.deleteMany({ where: { id } });
  }

  async #open(row: Row): Promise<DueExchange> {
    const { id, sealedExchange, codeHash, attempts, expiresAt } = row;
    const opened = await this.sealer.open(sealedExchange, pendingExchangeAad(row));
    const payload = JSON.parse(opened.reveal()) as SealedExchange;
    if (payload.codeHash !== undefined && payload.codeHash !== textOf(codeHash))
      throw new SealBroken('The row has another completion code than the one that it was sealed with.');
    return { id, codeHash, attempts, expiresAt, ...read(payload) };
  }
}

function textOf(codeHash: Uint8Array | null): string | null {
  return codeHash === null ? null : Buffer.from(codeHash).toString('base64url');
}

function write({ answer, nonceHash, codeHash, ...exchange }: PendingExchange): SealedExchange {
  const { connectRequest, ticketId, forcedConsent, includedGranted, requestId } = exchange;
  return {
    connectRequest,
    ticketId,
    forcedConsent,
    includedGranted,
    requestId,
    nonceHash: Buffer.from(nonceHash).toString('base64url'),
    codeHash: textOf(codeHash),
    accessToken: answer.accessToken.reveal(),
    obtainedAt: answer.obtainedAt.toISOString(),
    accessTokenExpiresAt: answer.expiresAt.toISOString(),
    scopes: answer.scopes,
    refreshToken: answer.refreshToken?.reveal() ?? null,
    refreshTokenExpiresAt: answer.refreshTokenExpiresAt?.toISOString() ?? null,
    idToken: answer.idToken?.reveal() ?? null,
  };
}

function read(payload: SealedExchange): Omit<PendingExchange, 'id' | 'codeHash'> {
  const { connectRequest, ticketId = null, forcedConsent, includedGranted, requestId } = payload;
  const secret = (value: string | null) => (value === null ? null : new Secret(value));
  return {
    connectRequest,
    ticketId,
    forcedConsent,
    includedGranted,
    requestId,
    nonceHash: new Uint8Array(Buffer.from(payload.nonceHash, 'base64url')),
    answer: {
      accessToken: new Secret(payload.accessToken),
      obtainedAt: new Date(payload.obtainedAt),
      expiresAt: new Date(payload.accessTokenExpiresAt),
      scopes: payload.scopes,
      refreshToken: secret(payload.refreshToken),
      refreshTokenExpiresAt:
        payload.refreshTokenExpiresAt === null ? null : new Date(payload.refreshTokenExpiresAt),
      idToken: secret(payload.idToken),
    },
  };
}
