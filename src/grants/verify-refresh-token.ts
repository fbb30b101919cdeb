import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokenTokenResponse, GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import type { CodeExchangeResponse, GoogleClient } from '../domain/google/oauth.js';
import { IDENTITY_SCOPES } from '../domain/google/scopes.js';
import type { NewRefreshToken } from '../domain/grant/grant.js';
import { exponentialBackoff } from '../domain/grant/lease-and-backoff.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import type { ClaimedAccount } from '../google/oauth/id-token-verifier.js';
import { GoogleTurns } from '../google/oauth/refresh-requests.js';
import { SharedWork, TurnNotTaken } from '../outbound/shared-work.js';

const MAX_ATTEMPTS = 3;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 6000;

/**
 * The newest refresh token that Google gave in place of another one, over all attempts: those before it may not work any more. Of the
 * account `sub`, as far as that is known.
 */
export type Latest = { -readonly [Name in keyof NewRefreshToken]: NewRefreshToken[Name] } & {
  sub: string | null;
};

/** What Google says of a refresh token. */
export interface Inspected extends ClaimedAccount {
  readonly answer: CodeExchangeResponse;
}

export interface InspectionCaller {
  /** The id of the service; null for an operator. */
  readonly serviceId: string | null;
  readonly callerSignal?: AbortSignal | undefined;
}

/**
 * Asks Google about a refresh token of another system, by one refresh. IMPORT_RATE bounds how many a second; each waits for a
 * turn like the refreshes of callers, in a lane of its own, and passes the same circuit breaker.
 * Does not own what the answer means (import-grants.ts).
 */
@Injectable()
export class VerifyRefreshToken {
  #nextAt = 0;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly google: GoogleOAuthClient,
    private readonly turns: GoogleTurns,
  ) {}

  /**
   * @param latest takes what Google gives in place of the token, whatever becomes of the verification
   * @returns with the newest refresh token, where Google gave another one at any attempt
   * @throws {GoogleFailure} after a few attempts, where it is transient
   */
  async verify(
    client: GoogleClient,
    token: Secret,
    latest: Latest,
    caller: InspectionCaller,
  ): Promise<Inspected> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#pace();
        const inspected = await this.#inTurn(client, token, latest, caller);
        return { ...inspected, answer: withNewest(inspected.answer, latest) };
      } catch (error) {
        const isFinal = !(error instanceof GoogleFailure) || !isTransient(error) || attempt === MAX_ATTEMPTS;
        if (isFinal || error.error === 'stopping' || caller.callerSignal?.aborted) throw error;
        const waitMs = error.retryAfterSeconds === null ? 0 : error.retryAfterSeconds * 1000;
        const backoffMs = exponentialBackoff(attempt, FIRST_WAIT_MS, MAX_WAIT_MS);
        await sleep(Math.min(Math.max(waitMs, backoffMs), MAX_WAIT_MS));
      }
    }
  }

  /** Requests begin at least so far apart, over all imports. */
  async #pace(): Promise<void> {
    const now = this.clock.monotonicMs();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + 1000 / this.settings.importRate;
    if (at > now) await sleep(at - now);
  }

  async #inTurn(
    client: GoogleClient,
    token: Secret,
    latest: Latest,
    { serviceId, callerSignal }: InspectionCaller,
  ) {
    const work = new SharedWork<Inspected, null>(this.turns, this.settings.googleQueueMs, () => undefined);
    // Not the lane of the service's calls: these continue meanwhile.
    const lane = { service: `import:${serviceId ?? ''}`, client: client.alias, isBackground: false };
    const result = work.join({ lane, about: null, callerSignal });
    void work.run(() => work.turn(() => this.#inspect(client, token, latest)));
    try {
      return await result;
    } catch (error) {
      if (error instanceof TurnNotTaken) throw new GoogleFailure('withheld', error.why);
      throw error;
    }
  }

  async #inspect(client: GoogleClient, token: Secret, latest: Latest): Promise<Inspected> {
    const asking = this.google.inspect(client, latest.refreshToken ?? token);
    const answer = await asking.catch(async (error: unknown) => {
      if (error instanceof BrokenTokenResponse) {
        keep(error.issued, latest);
        const receivedAt = this.clock.now();
        const account = error.idToken && this.#accountIn(error.idToken, client, receivedAt);
        latest.sub = (await account?.catch(() => null))?.sub ?? latest.sub;
      }
      throw error;
    });
    keep(answer, latest);
    const account = await this.#accountOf(answer, client);
    latest.sub = account.sub ?? latest.sub;
    return { answer, ...account };
  }

  async #accountOf(answer: CodeExchangeResponse, client: GoogleClient): Promise<ClaimedAccount> {
    if (answer.idToken) return this.#accountIn(answer.idToken, client, answer.obtainedAt);
    if (!answer.scopes.some((scope) => IDENTITY_SCOPES.has(scope))) return { sub: null, email: null };
    return this.google.accountOf(client, answer.accessToken);
  }

  async #accountIn(idToken: Secret, client: GoogleClient, receivedAt: Date): Promise<ClaimedAccount> {
    const { sub, email } = await this.google.verifyIdToken(idToken, { client, isNonce: null, receivedAt });
    return { sub, email };
  }
}

function keep({ refreshToken, refreshTokenExpiresAt }: NewRefreshToken, latest: Latest): void {
  if (refreshToken !== null) Object.assign(latest, { refreshToken, refreshTokenExpiresAt });
}

/** An answer without a new refresh token may still say how long the newest one lives. */
function withNewest(answer: CodeExchangeResponse, latest: Latest): CodeExchangeResponse {
  if (answer.refreshToken !== null || latest.refreshToken === null) return answer;
  const refreshTokenExpiresAt = answer.refreshTokenExpiresAt ?? latest.refreshTokenExpiresAt;
  return { ...answer, refreshToken: latest.refreshToken, refreshTokenExpiresAt };
}
