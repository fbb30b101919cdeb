import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokenTokenResponse, GoogleFailure } from '../domain/google/google-failure.js';
import { backoffAfter } from '../domain/grant/lease-and-backoff.js';
import type { Grant, NewRefreshToken } from '../domain/grant/grant.js';
import type { RevocationAttempt, RevocationEnd, RevocationRequester } from '../domain/grant/revocation.js';
import { Clock } from '../domain/ports/clock.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import {
  type RevocationSample,
  RevocationSamplesRepository,
} from '../token-store/grants/revocation-samples.repository.js';
import { RevocationsRepository } from '../token-store/grants/revocations.repository.js';
import { RotatedTokensRepository } from '../token-store/grants/rotated-tokens.repository.js';
import { RepeatedWrites } from './repeated-writes.js';

/** On top of two timeouts of Google: a lease expires during an attempt only when its replica has crashed. */
const LEASE_MARGIN_MS = 2000;
/** How many other tokens of the account are probed to find whether an earlier request took effect. */
const SAMPLES = 3;
const CLOSE_MS = 2000;
/** Until another attempt has tried the tokens of the account, or has failed to. */
const OTHER_ATTEMPT_MS = 1000;

const REVOKED: RevocationEnd = { outcome: 'revoked', isInferred: false };
const INFERRED: RevocationEnd = { outcome: 'revoked', isInferred: true };
const ALREADY_DEAD: RevocationEnd = { outcome: 'already_dead', isInferred: false };
const UNCLEAR: RevocationEnd = { outcome: 'unclear', isInferred: false };

/** A refresh token that Google gave for the one that was tried. */
interface Rotated {
  readonly sample: RevocationSample;
  readonly issued: NewRefreshToken;
}

/** What Google said of a revocation. */
interface KnownEnd {
  readonly attempt: RevocationAttempt;
  readonly end: RevocationEnd;
}

export interface FinishedRevocation {
  /** The other grants that were revoked. */
  readonly also: readonly Grant[];
  /** Whether the disconnected grant has its audit event. */
  readonly isAudited: boolean;
}

/** Carries out one attempt of a stored revocation: calls Google, then stores the result. */
@Injectable()
export class RevokeAtGoogle implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #log = new Logger(RevokeAtGoogle.name);
  /** Responses of Google until they are stored, by attempt. */
  readonly #ends: RepeatedWrites<KnownEnd, FinishedRevocation | null, RevocationRequester>;
  /** Until they are stored, by grant. No other of the account is tried before. Saved twice, one would seem to be of no grant. */
  readonly #rotated: RepeatedWrites<Rotated, void>;
  /**
   * Accounts whose tokens are being tried. A second attempt would try the same ones, and take for dead what Google has just
   * replaced for the first. Two replicas still may.
   */
  readonly #tried = new Set<string>();
  readonly leaseMs: number;

  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
    private readonly clock: Clock,
    private readonly revocations: RevocationsRepository,
    private readonly samples: RevocationSamplesRepository,
    private readonly rotatedTokens: RotatedTokensRepository,
  ) {
    this.leaseMs = 2 * settings.googleTimeoutMs + LEASE_MARGIN_MS;
    this.#ends = new RepeatedWrites(clock, (ended, by) => this.#writeEnd(ended, by));
    this.#rotated = new RepeatedWrites(clock, (rotated) => this.#writeRotated(rotated));
  }

  /**
   * @param by the request that waits for it; null: none does
   * @returns null: not finished, and the job retries
   */
  async attempt(
    attempt: RevocationAttempt,
    by: RevocationRequester | null,
  ): Promise<FinishedRevocation | null> {
    // What is known says nothing of what was consented to between the two attempts.
    let key = this.#ends.keysOf(({ attempt: { id } }) => id === attempt.id).at(-1);
    if (key === undefined) {
      const end = await this.#call(attempt);
      if (end === null) return null;
      key = attempt.attemptId;
      this.#ends.keep(key, { attempt, end });
    }
    // The error is in the log.
    return this.#ends.now(key, by).catch(() => null);
  }

  /** Begins to store what could not be stored before. Not awaited: a server that is silent must not hold up other revocations. */
  startUnwritten(): void {
    this.#rotated.startDue();
    this.#ends.startDue();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.#rotated.stop(), this.#ends.stop()]);
  }

  /**
   * A last attempt, above all for new refresh tokens: the former ones, which the grants still have, may not work any more. The next
   * process would find no other token of the account that lives.
   */
  async onApplicationShutdown(): Promise<void> {
    const limit = new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref());
    await Promise.race([this.#rotated.finishAll().then(() => this.#ends.finishAll()), limit]);
  }

  async #call(attempt: RevocationAttempt): Promise<RevocationEnd | null> {
    if (attempt.isConfirmed) return REVOKED;
    try {
      if ((await this.google.revoke(attempt.token)) === 'revoked') return REVOKED;
      // The token was dead before (evicted, expired): its revocation ended no other grant.
      if (attempt.attempts === 1) return ALREADY_DEAD;
      if (!this.#tried.has(attempt.accountSub)) return await this.#inferFromSamples(attempt);
      await this.#giveWay(attempt);
      return null;
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      const { id, grantId, attempts } = attempt;
      const backoffMs = backoffAfter(attempts, error.retryAfterSeconds, Math.random());
      this.#log.warn(
        { revocation: id, grant: grantId, attempts, error: error.error, backoffMs },
        'Google did not confirm a revocation; it is retried',
      );
      await this.#postpone(attempt, backoffMs, true);
      return null;
    }
  }

  /** Not waited for: the lease is for two requests to Google. */
  async #giveWay(attempt: RevocationAttempt): Promise<void> {
    const facts = { revocation: attempt.id, grant: attempt.grantId };
    this.#log.debug(facts, 'another attempt tries the tokens of the account; the revocation is postponed');
    await this.#postpone(attempt, OTHER_ATTEMPT_MS, false);
  }

  async #postpone(attempt: RevocationAttempt, backoffMs: number, isCounted: boolean): Promise<void> {
    // If this fails too, the lease expires and the attempt is due again.
    await this.revocations.postpone(attempt, backoffMs, isCounted).catch((fault: unknown) => {
      this.#log.error({ err: fault, revocation: attempt.id }, 'a revocation could not be postponed');
    });
  }

  /**
   * The token is dead, and an earlier request got no response. If that request took effect, other tokens of the account
   * are dead too.
   * @throws {GoogleFailure} while Google does not answer
   */
  async #inferFromSamples(attempt: RevocationAttempt): Promise<RevocationEnd> {
    this.#tried.add(attempt.accountSub);
    try {
      return await this.#trySamples(attempt);
    } finally {
      this.#tried.delete(attempt.accountSub);
    }
  }

  async #trySamples(attempt: RevocationAttempt): Promise<RevocationEnd> {
    // A client that was taken out of the settings since cannot be asked with.
    const clients = this.settings.clients.all().map(({ alias }) => alias);
    await this.#saveRotated(attempt.accountSub);
    const samples = await this.samples.find(attempt, clients, SAMPLES);
    if (samples.length === 0) return UNCLEAR;
    const tried = await Promise.allSettled(samples.map((sample) => this.#isDead(sample)));
    // One that lives is enough, whatever becomes of the others: with a new refresh token it is no sample any more.
    if (tried.some((one) => one.status === 'fulfilled' && !one.value)) return UNCLEAR;
    for (const one of tried) if (one.status === 'rejected') throw one.reason;
    return INFERRED;
  }

  async #isDead(sample: RevocationSample): Promise<boolean> {
    const { grant, refreshToken } = sample;
    const client = this.settings.clients.pick(grant.client);
    try {
      this.#keep(sample, await this.google.refresh(client, refreshToken, grant.grantedScopes, null));
      return false;
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      if (error instanceof BrokenTokenResponse) {
        this.#keep(sample, error.issued);
        return false;
      }
      if (error.kind === 'unavailable' || error.kind === 'withheld') throw error;
      return error.kind === 'grant_dead';
    }
  }

  #keep(sample: RevocationSample, { refreshToken, refreshTokenExpiresAt }: NewRefreshToken): void {
    if (refreshToken === null) return;
    const issued = { refreshToken, refreshTokenExpiresAt };
    this.#rotated.keep(sample.grant.id, { sample, issued });
  }

  /** @throws what the database does: the former token, which the grant still has, would seem to be revoked */
  async #saveRotated(accountSub: string): Promise<void> {
    const keys = this.#rotated.keysOf(({ sample }) => sample.grant.account.sub === accountSub);
    const saved = await Promise.allSettled(keys.map((key) => this.#rotated.now(key)));
    for (const one of saved) if (one.status === 'rejected') throw one.reason;
  }

  async #writeRotated({ sample, issued }: Rotated): Promise<void> {
    try {
      await this.rotatedTokens.save(sample.grant, sample.refreshToken, issued, this.clock.now());
    } catch (error) {
      const facts = { err: error, grant: sample.grant.id };
      this.#log.error(facts, 'a new refresh token could not be stored; it is retried');
      throw error;
    }
  }

  /** @returns null where another attempt knows more, and has not finished */
  async #writeEnd(
    { attempt, end }: KnownEnd,
    by: RevocationRequester | null,
  ): Promise<FinishedRevocation | null> {
    const { id, grantId } = attempt;
    try {
      // Those that live are given back with it.
      if (end.outcome !== 'revoked') await this.#saveRotated(attempt.accountSub);
      const finished = await this.revocations.finish(attempt, end, this.clock.now(), by);
      if (finished === 'open') return null;
      // Null: another replica finished first, and reported it; or this one, and it did not get the confirmation.
      return finished
        ? { also: finished.revoked, isAudited: finished.isAudited }
        : { also: [], isAudited: true };
    } catch (error) {
      this.#log.error(
        { err: error, revocation: id, grant: grantId, ...end },
        'the result of a revocation could not be stored; it is retried',
      );
      // Other replicas must at least not call Google again.
      if (end === REVOKED) await this.revocations.confirm(attempt).catch(() => undefined);
      throw error;
    }
  }
}
