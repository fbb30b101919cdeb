import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ConnectOutcome } from '../domain/connect-outcome.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import type { TokenAnswer, VerifiedAccount } from '../domain/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { PendingConsents } from '../domain/ports/pending-consents.js';
import { SlotLedger } from '../domain/ports/slot-ledger.js';
import { Secret } from '../domain/secret.js';

/** How long the app's server may take to confirm. */
const LIFETIME_SECONDS = 10 * 60;

/**
 * Keeps a consent apart until the app's own server says whose session brought it back. A link that somebody else's
 * browser consented to never becomes a grant: that session's user is another one than the link was made for.
 */
@Injectable()
export class HoldConsent {
  constructor(
    private readonly clock: Clock,
    private readonly ledger: SlotLedger,
    private readonly pending: PendingConsents,
  ) {}

  async hold(
    wish: ConnectWish,
    answer: TokenAnswer & { readonly account: VerifiedAccount },
  ): Promise<ConnectOutcome> {
    const now = this.clock.now();
    const code = randomBytes(32).toString('base64url');
    const expiresAt = new Date(now.getTime() + LIFETIME_SECONDS * 1000);
    // Whatever comes of it, Google counts the token.
    await this.ledger.bookUnused(answer.account, wish.client, answer, now);
    await this.pending.put(new Secret(code), { wish, answer }, now, expiresAt);
    return { kind: 'pending', code };
  }
}
