import { Injectable } from '@nestjs/common';
import type { ConnectRequest } from '../../domain/connect/connect-request.js';
import type { GoogleTokenResponse, VerifiedAccount } from '../../domain/grant/grant.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import { Secret } from '../../domain/secret.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import type { PendingConsent as Row, Prisma } from '../prisma-client/client.js';
import { pendingConsentAad } from '../sealed/aad.js';
import { ConnectTicketsRepository } from './connect-tickets.repository.js';
import { takeExchange } from './pending-exchanges.repository.js';

export interface PendingConsent {
  readonly connectRequest: ConnectRequest;
  /** Null: of a version without rows of tickets. */
  readonly ticketId: string | null;
  /** Whether include_granted_scopes was sent. */
  readonly includedGranted: boolean;
  readonly answer: GoogleTokenResponse & { readonly account: VerifiedAccount };
}

/** Sealed as a whole, since it holds both tokens. */
interface SealedConsent {
  readonly connectRequest: ConnectRequest;
  readonly ticketId?: string | null;
  readonly includedGranted: boolean;
  readonly account: VerifiedAccount;
  readonly accessToken: string;
  readonly obtainedAt: string;
  readonly expiresAt: string;
  readonly scopes: readonly string[];
  readonly refreshToken: string | null;
  readonly refreshTokenExpiresAt: string | null;
}

/** In the transaction that creates the grant. @returns false when another replica has finished it */
export async function takeConsent(
  tx: Prisma.TransactionClient,
  codeHash: Uint8Array<ArrayBuffer> | null,
): Promise<boolean> {
  return codeHash === null || (await tx.pendingConsent.deleteMany({ where: { codeHash } })).count > 0;
}

/**
 * Consents that wait for the app's server to confirm the user, each under the digest of a single-use code. Stored in one
 * transaction with the removal of the pending exchange; the transaction that creates the grant removes them.
 */
@Injectable()
export class PendingConsentsRepository {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly tickets: ConnectTicketsRepository,
    private readonly reporter: IntegrityReporter,
  ) {}

  /**
   * @param exchangeId the pending exchange that became this; removed with it
   * @returns false when another replica has finished it; then nothing is stored
   */
  async put(
    codeHash: Uint8Array<ArrayBuffer>,
    { connectRequest, ticketId, answer, includedGranted }: PendingConsent,
    exchangeId: string,
    now: Date,
    expiresAt: Date,
  ): Promise<boolean> {
    const payload: SealedConsent = {
      connectRequest,
      ticketId,
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
      new Secret(JSON.stringify(payload)),
      pendingConsentAad({ codeHash, createdAt: now, expiresAt }),
    );
    return this.database.$transaction(async (tx) => {
      const ticket = ticketId === null ? null : await this.tickets.lock(tx, ticketId);
      if (!(await takeExchange(tx, exchangeId))) return false;
      await tx.pendingConsent.create({ data: { codeHash, sealedConsent, createdAt: now, expiresAt } });
      // From now on the ticket waits for the app alone, whatever happens to this process.
      if (ticket) await this.tickets.change(ticket, { expiresAt }, tx);
      return true;
    });
  }

  /**
   * Does not remove it: grants.repository.ts does, in the transaction that creates the grant, so that a code works once and a
   * failure loses nothing.
   * @returns null when unknown, used or expired
   */
  async find(codeHash: Uint8Array<ArrayBuffer>, now: Date): Promise<PendingConsent | null> {
    const row = await this.database.pendingConsent.findUnique({ where: { codeHash } });
    if (!row || row.expiresAt <= now) return null;
    const opened = await this.#open(row);
    if (!opened) return null;
    const payload = JSON.parse(opened.reveal()) as SealedConsent;
    return {
      connectRequest: payload.connectRequest,
      ticketId: payload.ticketId ?? null,
      includedGranted: payload.includedGranted,
      answer: {
        account: payload.account,
        accessToken: new Secret(payload.accessToken),
        obtainedAt: new Date(payload.obtainedAt),
        expiresAt: new Date(payload.expiresAt),
        scopes: payload.scopes,
        refreshToken: payload.refreshToken === null ? null : new Secret(payload.refreshToken),
        refreshTokenExpiresAt:
          payload.refreshTokenExpiresAt === null ? null : new Date(payload.refreshTokenExpiresAt),
      },
    };
  }

  /** Deletes one that becomes no grant. Its refresh token stays booked: Google counts it. */
  async remove(codeHash: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.database.pendingConsent.deleteMany({ where: { codeHash } });
  }

  /** Deletes those whose time is over, also what does not open. */
  async prune(now: Date, shutdown?: AbortSignal): Promise<void> {
    const expired = { where: { expiresAt: { lte: now } }, limit: MAX_BATCH_ROWS };
    await inBatches(async () => (await this.database.pendingConsent.deleteMany(expired)).count, shutdown);
  }

  async #open({ codeHash, sealedConsent, createdAt, expiresAt }: Row): Promise<Secret | null> {
    try {
      return await this.sealer.open(sealedConsent, pendingConsentAad({ codeHash, createdAt, expiresAt }));
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      const id = Buffer.from(codeHash).toString('hex').slice(0, 12);
      this.reporter.report({ kind: 'pending_consent', id, reason: error.message });
      return null;
    }
  }
}
