import { type BeforeApplicationShutdown, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { backoffAfter, GoogleFailure } from '../domain/google/google-failure.js';
import { scopeKey } from '../domain/google/scopes.js';
import { diagnose } from '../domain/grant/diagnosis.js';
import type { AccessToken, Diagnosis, Grant } from '../domain/grant/grant.js';
import type { Lease } from '../domain/grant/refresh-lease.js';
import { Clock } from '../domain/ports/clock.js';
import { FairQueue } from '../outbound/fair-queue.js';
import { SharedWork, TurnNotTaken } from '../outbound/shared-work.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { RefreshLeaseRepository } from '../token-store/grants/refresh-lease.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { FailureCache } from './failure-cache.js';
import { ReportRefresh, type Requester } from './report-refresh.js';
import { RefreshRequest } from './token-request.js';
import { UnsavedRefreshes } from './unsaved-refreshes.js';

export type Refreshed =
  | { readonly kind: 'token'; readonly token: AccessToken }
  /** The grant is dead, and marked so. */
  | { readonly kind: 'dead'; readonly diagnosis: Diagnosis }
  /** The grant is not what it was: a consent, disconnect or refresh came in between, or Google changed its scopes. */
  | { readonly kind: 'changed' }
  /** Google gave more than was asked. Nothing was kept of it. */
  | { readonly kind: 'not_narrowed' };

/** Who wants a token, and how it is known that they gave up. */
interface RefreshCaller extends Requester {
  readonly hangUp?: (() => AbortSignal) | undefined;
  /** The token at hand is good still. */
  readonly isBackground?: boolean;
}

/** Longer than Google may take, so that a lease ends by itself only when its owner died. */
const LEASE_MARGIN_MS = 2000;
/** Who waits for another's lease is told when it ends; this often it looks by itself. */
const POLL_MS = 200;

/**
 * Asks Google for a new access token and keeps it. However many callers ask at once, Google is asked once for one
 * grant: within this process by the map below, across replicas by a lease. No database connection is held while
 * Google answers, and no more requests run at a time than the settings say, in turns that services share fairly; the
 * lease is taken after the queue.
 */
@Injectable()
export class TokenRefresher implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #underWay = new Map<string, SharedWork<Refreshed, Requester>>();
  readonly #runs = new Set<Promise<void>>();
  readonly #queue: FairQueue;
  readonly #longestMs: number;
  readonly #timeoutMs: number;
  #isStopping = false;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly leases: RefreshLeaseRepository,
    private readonly changes: ChangeFeed,
    private readonly ledger: SlotLedgerRepository,
    private readonly askForToken: RefreshRequest,
    private readonly recentFailures: FailureCache,
    private readonly report: ReportRefresh,
    private readonly unsaved: UnsavedRefreshes,
  ) {
    this.#queue = new FairQueue(settings.googleConcurrency);
    this.#longestMs = settings.googleQueueMs;
    this.#timeoutMs = settings.googleTimeoutMs;
  }

  /** @throws {GoogleFailure} of every kind but `grant_dead` and `policy_rejected` */
  async refresh(grant: Grant, scopes: readonly string[], caller: RefreshCaller): Promise<Refreshed> {
    const { service, isBackground = false, hangUp } = caller;
    const lane = { service: service.id, client: grant.client, isBackground };
    const key = `${grant.id} ${grant.version} ${scopeKey(scopes)}`;
    const underWay = this.#underWay.get(key);
    const work = underWay ?? new SharedWork(this.#queue, this.#longestMs, () => this.#underWay.delete(key));
    const result = work.join({ lane, about: caller, hangUp: hangUp?.() });
    if (!underWay) this.#start(key, work, grant, scopes);
    try {
      return await result;
    } catch (error) {
      throw error instanceof TurnNotTaken ? new GoogleFailure('withheld', error.why) : error;
    }
  }

  /** Who waits for another's lease waits no more, and what is no call's concern is left for the next start. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    for (const work of this.#underWay.values()) work.dropBackground();
  }

  /** Those that no request waits for, too: each ends its lease. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.#runs);
  }

  #start(key: string, work: SharedWork<Refreshed, Requester>, grant: Grant, scopes: readonly string[]): void {
    this.#underWay.set(key, work);
    const run = work
      .run(() => this.#refresh(work, grant, scopes))
      .finally(() => {
        this.#runs.delete(run);
        if (this.#underWay.get(key) === work) this.#underWay.delete(key);
      });
    this.#runs.add(run);
  }

  async #refresh(
    work: SharedWork<Refreshed, Requester>,
    grant: Grant,
    scopes: readonly string[],
  ): Promise<Refreshed> {
    const known = this.unsaved.known(grant, scopes);
    if (known) return known;
    this.recentFailures.assertNone(grant);
    if (this.recentFailures.wasNotNarrowed(grant, scopes)) return { kind: 'not_narrowed' };
    for (;;) {
      const turn = await work.turn(() => this.#takeTurn(grant, scopes, work.about));
      if (turn.kind === 'not_narrowed') this.recentFailures.addNotNarrowed(grant, scopes);
      if (turn.kind !== 'held') return turn;
      if (this.#isStopping) throw new GoogleFailure('withheld', 'stopping');
      await this.changes.changeOf(grant.userId, grant.client, Math.min(turn.ms, POLL_MS));
    }
  }

  async #takeTurn(grant: Grant, scopes: readonly string[], requester: Requester) {
    // Where Google refuses to narrow, it is asked a second time.
    const asks = grant.kind === 'user' ? 2 : 1;
    const outcome = await this.leases.take(grant, asks * this.#timeoutMs + LEASE_MARGIN_MS);
    if (outcome.kind === 'backoff') {
      const failure = new GoogleFailure('withheld', 'recent_failure', '', null, Math.ceil(outcome.ms / 1000));
      this.recentFailures.add(grant, failure);
      throw failure;
    }
    if (outcome.kind !== 'taken') return outcome;
    const { lease } = outcome;
    try {
      const asked = await this.askForToken.ask(lease, scopes);
      if (asked.kind === 'token') this.report.succeeded(grant, asked.token.scopes, requester);
      return asked;
    } catch (error) {
      if (error instanceof GoogleFailure) return await this.#fail(lease, error, requester);
      await this.leases.giveUp(lease, 0).catch(() => undefined);
      throw error;
    }
  }

  async #fail(lease: Lease, error: GoogleFailure, requester: Requester): Promise<Refreshed> {
    const { grant } = lease;
    if (error.kind === 'grant_dead' || error.kind === 'policy_rejected') {
      // Where the database does not answer, less is known of why; that it is dead, Google said.
      const ledgerSays = await this.ledger.endReason(grant.id).catch(() => null);
      const diagnosis = diagnose(error, { grant, now: this.clock.now(), ledgerSays });
      this.report.failed(error, grant, requester, diagnosis);
      const markedDead = await this.leases
        .markDead(lease, diagnosis, this.clock.now())
        .catch((fault: unknown) => {
          this.unsaved.keepDeadMark(lease, diagnosis, fault);
          return true;
        });
      return markedDead ? { kind: 'dead', diagnosis } : { kind: 'changed' };
    }
    if (error.kind !== 'withheld') this.report.failed(error, grant, requester, null);
    this.recentFailures.add(grant, error);
    const backoffs = error.kind === 'unavailable';
    const backoffMs = backoffs ? backoffAfter(lease.failures + 1, error.retryAfterSeconds, Math.random()) : 0;
    // Where this fails, the lease ends by itself; what Google said is what the callers must know.
    await this.leases.giveUp(lease, backoffMs).catch(() => undefined);
    throw error;
  }
}
