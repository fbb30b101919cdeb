import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { backoffAfter, GoogleFailure } from '../domain/google/google-failure.js';
import type { Grant } from '../domain/grant/grant.js';
import type { RevocationAttempt, RevocationEnd } from '../domain/grant/revocation.js';
import { Clock } from '../domain/ports/clock.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { RevocationsRepository } from '../token-store/grants/revocations.repository.js';

/** Longer than Google may take, twice: an attempt ends by itself only when its replica died. */
const LEASE_MARGIN_MS = 2000;
/** How many other tokens of the account say whether an earlier request was carried out. */
const SAMPLES = 3;

const REVOKED: RevocationEnd = { outcome: 'revoked', isInferred: false };
const INFERRED: RevocationEnd = { outcome: 'revoked', isInferred: true };
const ALREADY_DEAD: RevocationEnd = { outcome: 'already_dead', isInferred: false };
const UNCLEAR: RevocationEnd = { outcome: 'unclear', isInferred: false };

/** Carries out one attempt of a revocation that was begun: asks Google, then finishes. */
@Injectable()
export class RevokeAtGoogle {
  readonly #log = new Logger(RevokeAtGoogle.name);
  /** What Google said, where it could not be written down. */
  readonly #unwritten = new Map<
    string,
    { readonly attempt: RevocationAttempt; readonly end: RevocationEnd }
  >();
  readonly leaseMs: number;

  constructor(
    private readonly settings: Settings,
    private readonly google: GoogleOAuthClient,
    private readonly clock: Clock,
    private readonly revocations: RevocationsRepository,
  ) {
    this.leaseMs = 2 * settings.googleTimeoutMs + LEASE_MARGIN_MS;
  }

  /**
   * @param forRequest whether a request waits, which tells of the disconnected grant in the audit trail
   * @returns the other grants that were revoked; null: not finished, the broker goes on by itself
   */
  async attempt(attempt: RevocationAttempt, forRequest: boolean): Promise<readonly Grant[] | null> {
    const end = await this.#ask(attempt);
    return end && this.#finish(attempt, end, forRequest);
  }

  /** Writes what could not be written before. */
  async finishUnwritten(): Promise<void> {
    for (const { attempt, end } of [...this.#unwritten.values()]) await this.#finish(attempt, end, false);
  }

  async #ask(attempt: RevocationAttempt): Promise<RevocationEnd | null> {
    if (attempt.isConfirmed) return REVOKED;
    const known = this.#unwritten.get(attempt.id);
    if (known) return known.end;
    try {
      if ((await this.google.revoke(attempt.token)) === 'revoked') return REVOKED;
      // A token that was dead before (evicted, expired) ended no other, and says nothing of them.
      return attempt.attempts === 1 ? ALREADY_DEAD : await this.#wasItUs(attempt);
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      const { id, grantId, attempts } = attempt;
      const backoffMs = backoffAfter(attempts, error.retryAfterSeconds, Math.random());
      this.#log.warn(
        { revocation: id, grant: grantId, attempts, error: error.error, backoffMs },
        'Google did not confirm a revocation; it is asked again',
      );
      // Where this fails too, the attempt ends by itself.
      await this.revocations.postpone(attempt, backoffMs).catch((fault: unknown) => {
        this.#log.error({ err: fault, revocation: id }, 'a revocation could not be put off');
      });
      return null;
    }
  }

  /**
   * The token is dead, and an earlier request for it got no answer. If that one was carried out, other tokens of the
   * account are dead too.
   * @throws {GoogleFailure} while Google does not say
   */
  async #wasItUs(attempt: RevocationAttempt): Promise<RevocationEnd> {
    const samples = await this.revocations.samples(attempt, SAMPLES);
    if (samples.length === 0) return UNCLEAR;
    const isDead = await Promise.all(
      samples.map(async ({ grant, refreshToken }) => {
        const client = this.settings.clients.pick(grant.client);
        try {
          await this.google.refresh(client, refreshToken, grant.grantedScopes, null);
          return false;
        } catch (error) {
          if (!(error instanceof GoogleFailure)) throw error;
          if (error.kind === 'unavailable' || error.kind === 'withheld') throw error;
          return error.kind === 'grant_dead';
        }
      }),
    );
    return isDead.every(Boolean) ? INFERRED : UNCLEAR;
  }

  async #finish(
    attempt: RevocationAttempt,
    end: RevocationEnd,
    forRequest: boolean,
  ): Promise<readonly Grant[] | null> {
    const { id, grantId } = attempt;
    try {
      const revoked = await this.revocations.finish(attempt, end, this.clock.now(), !forRequest);
      this.#unwritten.delete(id);
      // Null: another replica was faster, and has told of it.
      return revoked ?? [];
    } catch (error) {
      this.#unwritten.set(id, { attempt, end });
      this.#log.error(
        { err: error, revocation: id, grant: grantId, ...end },
        'what follows from a revocation could not be written; it is tried again',
      );
      // The least that other replicas must know.
      if (end === REVOKED) await this.revocations.confirm(attempt).catch(() => undefined);
      return null;
    }
  }
}
