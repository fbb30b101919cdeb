import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import { commonScopes, missingScopes, sameScopes, scopeSet } from '../domain/google/scopes.js';
import type { Grant, TokenEndpointResponse } from '../domain/grant/grant.js';
import type { Lease } from '../domain/grant/refresh-lease.js';
import { Clock } from '../domain/ports/clock.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { RefreshLeaseRepository } from '../token-store/grants/refresh-lease.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { GrantCache } from './grant-cache.js';
import type { RefreshResult } from './token-errors.js';
import { UnsavedRefreshes } from './unsaved-refreshes.js';

/** One refresh at Google under a lease: requests the token, checks which scopes it has, saves it. */
@Injectable()
export class RefreshRequest {
  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
    private readonly clock: Clock,
    private readonly leases: RefreshLeaseRepository,
    private readonly ledger: SlotLedgerRepository,
    private readonly grants: GrantCache,
    private readonly unsaved: UnsavedRefreshes,
  ) {}

  /**
   * Ends the lease, except with the result `failed`. Names the scopes even for the whole grant: a refresh token of
   * Google's can cover more, namely what the account granted this project for other users (RFC 9700 section 2.3).
   */
  async send(lease: Lease, scopes: readonly string[]): Promise<RefreshResult> {
    const { grant } = lease;
    const isWhole = sameScopes(scopes, grant.grantedScopes);
    // A service account's token is requested with its scopes: nothing is narrowed.
    if (this.settings.narrowScopes || grant.kind === 'service_account') {
      const response = await this.#request(lease, scopeSet(scopes));
      if (response instanceof GoogleFailure) {
        if (response.kind !== 'scope_rejected') return { kind: 'failed', failure: response };
      } else {
        // Google narrows tokens but does not document it: a token counts for the scopes that the response names.
        if (missingScopes(response.scopes, scopes).length > 0) return this.#discard(lease);
        if (isWhole || sameScopes(response.scopes, scopes)) return this.#save(lease, scopes, response);
      }
      // The grant holds less than its row says. A request for all of it shows what.
    }
    return this.#sendForAll(lease, isWhole);
  }

  /** Names no scopes: the response covers all that the refresh token does. */
  async #sendForAll(lease: Lease, isWhole: boolean): Promise<RefreshResult> {
    const { grantedScopes } = lease.grant;
    const response = await this.#request(lease, null);
    if (response instanceof GoogleFailure) return { kind: 'failed', failure: response };
    if (missingScopes(response.scopes, grantedScopes).length > 0) {
      // More than the grant: the token is not handed out. It still shows which of the grant's scopes are left.
      const left = commonScopes(grantedScopes, response.scopes);
      if (left.length === 0 || sameScopes(left, grantedScopes)) return this.#discard(lease);
      try {
        await this.leases.narrow(lease, left, this.clock.now());
      } catch (fault) {
        return this.unsaved.keepNarrowing(lease, left, fault);
      }
      return { kind: 'changed' };
    }
    const result = await this.#save(lease, grantedScopes, response);
    // The grant is as its row says: a token for part of it was requested, and Google did not narrow.
    return isWhole || result.kind !== 'token' ? result : { kind: 'not_narrowed' };
  }

  async #request(
    { grant, credential }: Lease,
    narrowTo: readonly string[] | null,
  ): Promise<TokenEndpointResponse | GoogleFailure> {
    const client = this.settings.clients.pick(grant.client);
    const { grantedScopes, subject } = grant;
    try {
      return credential.kind === 'refresh_token'
        ? await this.google.refresh(client, credential.refreshToken, grantedScopes, narrowTo)
        : await this.google.assert(client, {
            key: credential.key,
            subject,
            scopes: narrowTo ?? grantedScopes,
          });
    } catch (error) {
      if (error instanceof GoogleFailure) return error;
      throw error;
    }
  }

  /** @returns `changed` where Google gave fewer scopes than requested: then the grant holds fewer */
  async #save(
    lease: Lease,
    scopes: readonly string[],
    response: TokenEndpointResponse,
  ): Promise<RefreshResult> {
    const { accessToken, obtainedAt, expiresAt } = response;
    const token = { token: accessToken, obtainedAt, expiresAt, scopes: scopeSet(response.scopes) };
    const isAsRequested = sameScopes(response.scopes, scopes);
    const now = this.clock.now();
    let saved: Grant | null;
    try {
      saved = await this.leases.save(lease, scopes, response, now);
    } catch (fault) {
      return this.unsaved.keepToken(lease, scopes, { response, token: isAsRequested ? token : null }, fault);
    }
    if (!saved) {
      // Not used, but it occupies a slot at Google.
      await this.ledger.bookUnused(lease.grant.account, lease.grant.client, response, now);
      return { kind: 'changed' };
    }
    this.grants.update(saved, scopes, token);
    return isAsRequested ? { kind: 'token', token } : { kind: 'changed' };
  }

  async #discard(lease: Lease): Promise<RefreshResult> {
    await this.leases.giveUp(lease, 0);
    return { kind: 'not_narrowed' };
  }
}
