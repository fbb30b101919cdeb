import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { BrokenTokenResponse, GoogleFailure } from '../../domain/google/google-failure.js';
import { addsOpenId, commonScopes, missingScopes, sameScopes, scopeSet } from '../../domain/google/scopes.js';
import type { GoogleTokenResponse, NewRefreshToken } from '../../domain/grant/grant.js';
import type { Lease } from '../../domain/grant/lease-and-backoff.js';
import { GoogleOAuthClient } from './google-oauth.client.js';

const NO_REFRESH_TOKEN: NewRefreshToken = { refreshToken: null, refreshTokenExpiresAt: null };

/** What Google gave for a set of scopes. */
type Refreshed =
  | { readonly kind: 'token'; readonly scopes: readonly string[]; readonly response: GoogleTokenResponse }
  /** No token that may be handed out, and which of the grant's scopes are left, as far as Google said. */
  | ({ readonly kind: 'grant_only' } & GrantOnly)
  /** More than was requested. */
  | ({ readonly kind: 'not_narrowed' } & GrantOnly);

interface GrantOnly {
  readonly scopes: readonly string[];
  readonly issued: NewRefreshToken;
}

/**
 * Requests an access token for some scopes of a grant, and compares them with those of the response: a wider token is never
 * returned.
 * Does not own the lease under which it is called, nor what is stored (access-tokens/).
 */
@Injectable()
export class RefreshAccessToken {
  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
  ) {}

  /**
   * Names the scopes even for the whole grant: a refresh token of Google's can cover more, namely what the account granted
   * this project for other users (RFC 9700 section 2.3).
   * @returns a token for `scopes`, or for all of the grant
   * @throws {GoogleFailure}
   */
  async refresh(lease: Lease, scopes: readonly string[]): Promise<Refreshed> {
    const { grantedScopes, kind } = lease.grant;
    let first: NewRefreshToken = NO_REFRESH_TOKEN;
    // A service account's token is requested with its scopes: nothing is narrowed.
    if (this.settings.narrowScopes || kind === 'service_account') {
      const response = await this.#send(lease, scopeSet(scopes)).catch(asRejectedScopes);
      if (response !== null) {
        // Google narrows tokens but does not document it: a token counts for the scopes that the response names.
        if (missingScopes(response.scopes, scopes).length > 0)
          return { kind: 'not_narrowed', scopes: grantedScopes, issued: refreshTokenIn(response) };
        const isAsRequested = sameScopes(response.scopes, scopes);
        if (isAsRequested || sameScopes(scopes, grantedScopes)) return { kind: 'token', scopes, response };
        first = response;
      }
      // The grant holds less than its row says. A request for all of it shows what.
    }
    const second = await this.#sendAfter(first, lease);
    if ('issued' in second) return { kind: 'grant_only', scopes: grantedScopes, issued: second.issued };
    const response = second.refreshToken === null ? { ...second, ...refreshTokenIn(first) } : second;
    if (missingScopes(response.scopes, grantedScopes).length === 0) {
      return { kind: 'token', scopes: grantedScopes, response };
    }
    // More than the grant: the token is not handed out. It still shows which of the grant's scopes are left.
    const left = commonScopes(grantedScopes, response.scopes);
    const isNews = left.length > 0 && !sameScopes(left, grantedScopes);
    return isNews
      ? { kind: 'grant_only', scopes: left, issued: refreshTokenIn(response) }
      : { kind: 'not_narrowed', scopes: grantedScopes, issued: refreshTokenIn(response) };
  }

  /**
   * With the refresh token that the first request brought: the former one may be dead.
   * @returns the newest refresh token alone where that request fails: it must be saved before the next
   */
  async #sendAfter(
    first: NewRefreshToken,
    lease: Lease,
  ): Promise<GoogleTokenResponse | Pick<GrantOnly, 'issued'>> {
    const { refreshToken } = first;
    if (refreshToken === null) return this.#send(lease, null);
    const credential = { kind: 'refresh_token', refreshToken } as const;
    return this.#send({ ...lease, credential }, null).catch((error: unknown) => {
      if (error instanceof BrokenTokenResponse) return { issued: error.issued };
      if (error instanceof GoogleFailure) return { issued: refreshTokenIn(first) };
      throw error;
    });
  }

  /** @param narrowTo null: names no scopes, and the response covers all that the refresh token does */
  async #send(
    { grant, credential }: Lease,
    narrowTo: readonly string[] | null,
  ): Promise<GoogleTokenResponse> {
    const client = this.settings.clients.pick(grant.client);
    const { grantedScopes, subject } = grant;
    const requested = narrowTo ?? grantedScopes;
    const response =
      credential.kind === 'refresh_token'
        ? await this.google.refresh(client, credential.refreshToken, grantedScopes, narrowTo)
        : await this.google.assert(client, { key: credential.key, subject, scopes: requested });
    return { ...response, scopes: withoutAddedOpenId(response.scopes, requested) };
  }
}

/** A grant of another system, or of a service account, may lack the `openid` that Google adds: it is no scope too many. */
function withoutAddedOpenId(answered: readonly string[], requested: readonly string[]): readonly string[] {
  const isAdded = addsOpenId(requested) && !requested.includes('openid');
  return isAdded ? answered.filter((scope) => scope !== 'openid') : answered;
}

/** Without the access token. */
function refreshTokenIn({ refreshToken, refreshTokenExpiresAt }: NewRefreshToken): NewRefreshToken {
  return { refreshToken, refreshTokenExpiresAt };
}

function asRejectedScopes(error: unknown): null {
  if (error instanceof GoogleFailure && error.kind === 'scope_rejected') return null;
  throw error;
}
