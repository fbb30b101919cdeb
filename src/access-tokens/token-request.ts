import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import { commonScopes, missingScopes, sameScopes, scopeSet } from '../domain/google/scopes.js';
import type { AccessToken, TokenEndpointResponse } from '../domain/grant/grant.js';
import type { Lease } from '../domain/grant/refresh-lease.js';
import { Clock } from '../domain/ports/clock.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { RefreshLeaseRepository } from '../token-store/grants/refresh-lease.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { GrantCache } from './grant-cache.js';
import { UnsavedRefreshes } from './unsaved-refreshes.js';

type Asked =
  | { readonly kind: 'token'; readonly token: AccessToken }
  | { readonly kind: 'changed' }
  | { readonly kind: 'not_narrowed' };

/** Asks Google for a token of some scopes, under a lease, and keeps what came as far as it can be believed. */
@Injectable()
export class RefreshRequest {
  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
    private readonly clock: Clock,
    private readonly leases: RefreshLeaseRepository,
    private readonly ledger: SlotLedgerRepository,
    private readonly remembered: GrantCache,
    private readonly unsaved: UnsavedRefreshes,
  ) {}

  /**
   * The scopes are always named, also where all of the grant is wanted: at Google, a refresh token can cover more than the
   * grant, namely what its account allowed this project for others (RFC 9700 section 2.3).
   * @throws {GoogleFailure} and holds the lease still
   */
  async ask(lease: Lease, scopes: readonly string[]): Promise<Asked> {
    const { grant } = lease;
    const isWhole = sameScopes(scopes, grant.grantedScopes);
    // A service account asks for what it wants: nothing is narrowed.
    if (this.settings.narrowScopes || grant.kind === 'service_account') {
      const answer = await this.#ask(lease, scopeSet(scopes)).catch(nullIfScopeRejected);
      // Narrowing is honoured by Google but documented nowhere: an answer is believed only as far as it says.
      if (answer && missingScopes(answer.scopes, scopes).length > 0) return this.#refuse(lease);
      if (answer && (isWhole || sameScopes(answer.scopes, scopes)))
        return this.#keepAsked(lease, scopes, answer);
      // The grant holds less than we thought. What it holds is learned by asking for all of it, below.
    }
    return this.#askForAll(lease, isWhole);
  }

  /** Without naming scopes: Google answers for all that the refresh token covers. */
  async #askForAll(lease: Lease, isWhole: boolean): Promise<Asked> {
    const { grantedScopes } = lease.grant;
    const whole = await this.#ask(lease, null);
    if (missingScopes(whole.scopes, grantedScopes).length > 0) {
      // More than the grant: the token is not handed out. What it says of the grant's own scopes is true all the same.
      const held = commonScopes(grantedScopes, whole.scopes);
      if (held.length === 0 || sameScopes(held, grantedScopes)) return this.#refuse(lease);
      await this.leases
        .narrow(lease, held, this.clock.now())
        .catch((fault: unknown) => this.unsaved.keepNarrowing(lease, held, fault));
      return { kind: 'changed' };
    }
    const kept = await this.#keepAsked(lease, grantedScopes, whole);
    // The grant is what we thought; if it was not asked for whole, Google does not narrow it.
    return isWhole || kept.kind === 'changed' ? kept : { kind: 'not_narrowed' };
  }

  /** @returns `changed` where Google gave less than all of the grant: then the grant is less */
  async #keepAsked(lease: Lease, scopes: readonly string[], answer: TokenEndpointResponse): Promise<Asked> {
    const kept = await this.#keep(lease, scopes, answer);
    return sameScopes(answer.scopes, scopes) ? kept : { kind: 'changed' };
  }

  #ask({ grant, credential }: Lease, narrowTo: readonly string[] | null): Promise<TokenEndpointResponse> {
    const client = this.settings.clients.pick(grant.client);
    const { grantedScopes, subject } = grant;
    if (credential.kind === 'refresh_token') {
      return this.google.refresh(client, credential.refreshToken, grantedScopes, narrowTo);
    }
    return this.google.assert(client, { key: credential.key, subject, scopes: narrowTo ?? grantedScopes });
  }

  async #keep(lease: Lease, scopes: readonly string[], answer: TokenEndpointResponse): Promise<Asked> {
    const { accessToken, obtainedAt, expiresAt } = answer;
    const token = { token: accessToken, obtainedAt, expiresAt, scopes: scopeSet(answer.scopes) };
    const now = this.clock.now();
    const saved = await this.leases.save(lease, scopes, answer, now).catch((fault: unknown) => {
      const isAsked = sameScopes(answer.scopes, scopes);
      this.unsaved.keepToken(lease, scopes, { answer, token: isAsked ? token : null }, fault);
      return 'unsaved' as const;
    });
    if (saved === 'unsaved') return { kind: 'token', token };
    if (!saved) {
      // It will not be used, and Google counts it.
      await this.ledger.bookUnused(lease.grant.account, lease.grant.client, answer, now);
      return { kind: 'changed' };
    }
    this.remembered.renew(saved, scopes, token);
    return { kind: 'token', token };
  }

  async #refuse(lease: Lease): Promise<Asked> {
    await this.leases.giveUp(lease, 0);
    return { kind: 'not_narrowed' };
  }
}

function nullIfScopeRejected(error: unknown): null {
  if (error instanceof GoogleFailure && error.kind === 'scope_rejected') return null;
  throw error;
}
