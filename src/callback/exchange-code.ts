import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { TokenAnswer, VerifiedAccount } from '../domain/grant.js';
import type { PendingAuthorization } from '../domain/ports/authorization-request-store.js';
import { Google } from '../domain/ports/google.js';
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
  exchange(
    { wish, verifier, nonceHash }: PendingAuthorization,
    code: Secret,
  ): Promise<TokenAnswer & { readonly account: VerifiedAccount }> {
    return this.google.exchangeCode({
      client: this.settings.clients.pick(wish.client),
      code,
      redirectUri: this.settings.redirectUri,
      verifier,
      scopes: wish.scopes,
      isNonce: (nonce) => timingSafeEqual(this.sealer.fingerprint(new Secret(nonce), 'nonce'), nonceHash),
    });
  }
}
