import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { splitCell, textOf } from '../domain/cell.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { VerifiedAccount } from '../domain/grant/grant.js';
import { after, Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { Sealer } from '../sealing/sealer.js';
import { PendingConsentsRepository } from '../token-store/connects/pending-consents.repository.js';
import type { PendingExchange } from '../token-store/connects/pending-exchanges.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';

/** How long the app's server may take to confirm. */
export const CONFIRM_SECONDS = 10 * 60;

/** 256 bits, with the cell in front. */
export function isCompletionCode(text: string): boolean {
  return /^[\w-]{43}$/.test(splitCell(text).rest);
}

/**
 * Holds a consent back until the app's server confirms whose session brought the completion code. A link that was
 * forwarded to another person's browser never becomes a grant: that session belongs to another user than the link.
 */
@Injectable()
export class PendingConsents {
  constructor(
    private readonly clock: Clock,
    private readonly sealer: Sealer,
    private readonly ledger: SlotLedgerRepository,
    private readonly pending: PendingConsentsRepository,
    private readonly settings: Settings,
  ) {}

  /** A completion code for the app, and the digest that it is stored under. */
  newCode(serviceId: string): { readonly code: string; readonly codeHash: Uint8Array<ArrayBuffer> } {
    const code = textOf(this.settings.cell, randomBytes(32).toString('base64url'));
    return { code, codeHash: this.hashOf(serviceId, new Secret(code)) };
  }

  /** The digest covers the service that made the ticket: no other service can find the code. */
  hashOf(serviceId: string, code: Secret): Uint8Array<ArrayBuffer> {
    return this.sealer.fingerprint(new Secret(`${serviceId} ${code.reveal()}`), 'completion-code');
  }

  /** @param code whose digest the exchange has, for the browser; null without a browser */
  async hold(
    exchange: PendingExchange,
    account: VerifiedAccount,
    code: string | null,
  ): Promise<ConnectOutcome> {
    const { id, connectRequest, ticketId, includedGranted } = exchange;
    const { idToken: _unused, ...answer } = exchange.answer;
    const now = this.clock.now();
    const codeHash = exchange.codeHash ?? this.newCode(connectRequest.serviceId).codeHash;
    // Google counts the token whether or not the consent is confirmed.
    await this.ledger.bookUnused({ ...connectRequest, account }, answer, now);
    const consent = { connectRequest, ticketId, includedGranted, answer: { ...answer, account } };
    const expiresAt = after(now, CONFIRM_SECONDS);
    const isHeld = await this.pending.put(codeHash, consent, id, now, expiresAt);
    return code !== null && isHeld ? { kind: 'pending', code } : { kind: 'finishing', cause: 'none', code };
  }
}
