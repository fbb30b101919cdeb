import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { CodeExchangeResponse } from '../domain/google/oauth.js';
import type { VerifiedAccount } from '../domain/grant/grant.js';
import { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import type { PendingAuthorization } from '../token-store/connects/authorization-requests.repository.js';
import type { PendingExchange } from '../token-store/connects/pending-exchanges.repository.js';

/** Exchanges a code, once: a lost answer burns it, and trying again would only hide that. */
@Injectable()
export class ExchangeCode {
  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
    private readonly sealer: Sealer,
  ) {}

  /** @throws {GoogleFailure} */
  exchange(
    { connectRequest, purpose, verifier }: PendingAuthorization,
    code: Secret,
  ): Promise<CodeExchangeResponse> {
    return this.google.exchangeCode({
      client: this.settings.clients.pick(connectRequest.client),
      code,
      redirectUri: this.settings.redirectUri,
      verifier,
      scopes: purpose === 'identify' ? [] : connectRequest.scopes,
    });
  }

  /** Which account consented, now or at any time later. @throws {GoogleFailure} */
  verify({
    connectRequest,
    answer,
    nonceHash,
  }: Pick<PendingExchange, 'connectRequest' | 'answer' | 'nonceHash'>): Promise<VerifiedAccount> {
    return this.google.verifyIdToken(answer.idToken, {
      client: this.settings.clients.pick(connectRequest.client),
      isNonce: (nonce) => timingSafeEqual(this.sealer.fingerprint(new Secret(nonce), 'nonce'), nonceHash),
      receivedAt: answer.obtainedAt,
    });
  }

  /** Good enough to book a slot for, before it is verified. */
  claimedSubject({ idToken }: CodeExchangeResponse): string | null {
    return this.google.claimedSubject(idToken);
  }
}
