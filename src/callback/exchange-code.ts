import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { VerifiedAccount } from '../domain/grant.js';
import type { PendingAuthorization } from '../domain/ports/authorization-request-store.js';
import { Google, type ExchangeAnswer } from '../domain/ports/google.js';
import type { PendingExchange } from '../domain/ports/pending-exchanges.js';
import { Sealer } from '../domain/ports/sealer.js';
import { Secret } from '../domain/secret.js';

/** Exchanges a code, once: a lost answer burns it, and trying again would only hide that. */
@Injectable()
export class ExchangeCode {
  constructor(
    private readonly settings: Settings,
    private readonly google: Google,
    private readonly sealer: Sealer,
  ) {}

  /** @throws {GoogleFailure} */
  exchange({ wish, purpose, verifier }: PendingAuthorization, code: Secret): Promise<ExchangeAnswer> {
    return this.google.exchangeCode({
      client: this.settings.clients.pick(wish.client),
      code,
      redirectUri: this.settings.redirectUri,
      verifier,
      scopes: purpose === 'identify' ? [] : wish.scopes,
    });
  }

  /** Which account consented, now or at any time later. @throws {GoogleFailure} */
  verify({
    wish,
    answer,
    nonceHash,
  }: Pick<PendingExchange, 'wish' | 'answer' | 'nonceHash'>): Promise<VerifiedAccount> {
    return this.google.verifyIdToken(answer.idToken, {
      client: this.settings.clients.pick(wish.client),
      isNonce: (nonce) => timingSafeEqual(this.sealer.fingerprint(new Secret(nonce), 'nonce'), nonceHash),
      receivedAt: answer.obtainedAt,
    });
  }

  /** Good enough to book a slot for, before it is verified. */
  claimedSubject({ idToken }: ExchangeAnswer): string | null {
    return this.google.claimedSubject(idToken);
  }
}
