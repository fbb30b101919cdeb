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
import { GoogleTurns } from '../google/oauth/refresh-requests.js';
import { SharedWork, TurnNotTaken } from '../outbound/shared-work.js';

const MAX_ATTEMPTS = 3;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 6000;

/** The newest refresh token of all attempts: those before it may not work any more. */
type Latest = { -readonly [Name in keyof NewRefreshToken]: NewRefreshToken[Name] };

/** What Google says of a refresh token. */
export interface Inspected {
  readonly answer: CodeExchangeResponse;
  /** Null where the scopes of the token do not let Google say it. */
  readonly sub: string | null;
  readonly email: string | null;
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
   * @returns with the newest refresh token, where Google gave another one at any attempt
   * @throws {GoogleFailure} after a few attempts, where it is transient
   */
  async verify(client: GoogleClient, token: Secret, caller: InspectionCaller): Promise<Inspected> {
    const latest: Latest = { refreshToken: null, refreshTokenExpiresAt: null };
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
    const answer = await asking.catch((error: unknown) => {
      if (error instanceof BrokenTokenResponse) keep(error.issued, latest);
      throw error;
    });
    keep(answer, latest);
    if (answer.idToken) {
      const expected = { client, isNonce: null, receivedAt: answer.obtainedAt };
      const { sub, email } = await this.google.verifyIdToken(answer.idToken, expected);
      return { answer, sub, email };
    }
    if (!answer.scopes.some((scope) => IDENTITY_SCOPES.has(scope))) return { answer, sub: null, email: null };
    return { answer, ...(await this.google.accountOf(client, answer.accessToken)) };
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
