import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { AuditDetail } from '../domain/audit-entry.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import { scopeKey } from '../domain/google/scopes.js';
import { backoffAfter } from '../domain/grant/backoff.js';
import { diagnose } from '../domain/grant/diagnosis.js';
import type { Diagnosis, Grant } from '../domain/grant/grant.js';
import type { Lease } from '../domain/grant/refresh-lease.js';
import { Clock } from '../domain/ports/clock.js';
import { FairQueue } from '../outbound/fair-queue.js';
import { SharedWork, TurnNotTaken } from '../outbound/shared-work.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { RefreshLeaseRepository } from '../token-store/grants/refresh-lease.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { FailureCache } from './failure-cache.js';
import { RefreshRequest } from './refresh-request.js';
import type { GrantRequest, RefreshResult } from './token-errors.js';
import { UnsavedRefreshes } from './unsaved-refreshes.js';

/** On whose behalf Google is asked. Other callers may wait for the same refresh. */
type Requester = Pick<GrantRequest, 'service' | 'requestId'>;

interface RefreshCaller extends Requester {
  readonly hangUp?: (() => AbortSignal) | undefined;
  /** The current token is still served meanwhile. */
  readonly isBackground?: boolean;
}

type Work = SharedWork<RefreshResult, Requester>;

/** Beyond the timeouts of the requests to Google, so that a lease expires only when its owner crashed. */
const LEASE_MARGIN_MS = 2000;
/** A replica that waits for another's lease is notified of its end, and polls besides. */
const POLL_MS = 200;

/**
 * Refreshes access tokens. However many callers request one, Google receives one request: within this process they
 * share the work in flight, across replicas a lease decides. No database connection is held while Google answers. The
 * number of concurrent requests is limited; services get their turns from a fair queue, and the lease is taken after it.
 */
@Injectable()
export class TokenRefresher implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #log = new Logger(TokenRefresher.name);
  readonly #inFlight = new Map<string, Work>();
  readonly #runs = new Set<Promise<void>>();
  readonly #queue: FairQueue;
  #isStopping = false;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly leases: RefreshLeaseRepository,
    private readonly changes: ChangeFeed,
    private readonly ledger: SlotLedgerRepository,
    private readonly request: RefreshRequest,
    private readonly failures: FailureCache,
    private readonly unsaved: UnsavedRefreshes,
    private readonly audit: AuditLog,
  ) {
    this.#queue = new FairQueue(settings.googleConcurrency);
  }

  /** Every failure is a result; only faults of the database or of a seal are thrown. */
  async refresh(grant: Grant, scopes: readonly string[], caller: RefreshCaller): Promise<RefreshResult> {
    const { service, isBackground = false, hangUp } = caller;
    const lane = { service: service.id, client: grant.client, isBackground };
    const key = `${grant.id} ${grant.version} ${scopeKey(scopes)}`;
    const inFlight = this.#inFlight.get(key);
    const work: Work =
      inFlight ?? new SharedWork(this.#queue, this.settings.googleQueueMs, () => this.#inFlight.delete(key));
    const result = work.join({ lane, about: caller, hangUp: hangUp?.() });
    if (!inFlight) this.#start(key, work, grant, scopes);
    try {
      return await result;
    } catch (error) {
      if (error instanceof TurnNotTaken) return withheld(error.why);
      throw error;
    }
  }

  /** Waiting for other replicas' leases ends, and background refreshes are left to the next start. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    for (const work of this.#inFlight.values()) work.dropBackground();
  }

  /** Also for refreshes whose callers have gone: each one hands its lease back. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.#runs);
  }

  #start(key: string, work: Work, grant: Grant, scopes: readonly string[]): void {
    this.#inFlight.set(key, work);
    const run = work
      .run(() => this.#run(work, grant, scopes))
      .finally(() => {
        this.#runs.delete(run);
        if (this.#inFlight.get(key) === work) this.#inFlight.delete(key);
      });
    this.#runs.add(run);
  }

  async #run(work: Work, grant: Grant, scopes: readonly string[]): Promise<RefreshResult> {
    const known = this.unsaved.resultFor(grant, scopes) ?? this.failures.find(grant, scopes);
    if (known) return known;
    for (;;) {
      const outcome = await work.turn(() => this.#takeTurn(grant, scopes, work.about));
      if (outcome.kind === 'not_narrowed') this.failures.addNotNarrowed(grant, scopes);
      if (outcome.kind !== 'held') return outcome;
      if (this.#isStopping) return withheld('stopping');
      await this.changes.nextChange(grant.userId, grant.client, Math.min(outcome.ms, POLL_MS));
    }
  }

  /** @returns `held` while another replica has the lease */
  async #takeTurn(grant: Grant, scopes: readonly string[], requester: Requester) {
    // A user's refresh is sent a second time where Google refuses to narrow.
    const requests = grant.kind === 'user' ? 2 : 1;
    const leaseMs = requests * this.settings.googleTimeoutMs + LEASE_MARGIN_MS;
    const outcome = await this.leases.take(grant, leaseMs);
    if (outcome.kind === 'backoff') {
      const backoff = withheld('recent_failure', Math.ceil(outcome.ms / 1000));
      this.failures.add(grant, backoff.failure);
      return backoff;
    }
    if (outcome.kind !== 'taken') return outcome;
    const { lease } = outcome;
    try {
      const result = await this.request.send(lease, scopes);
      if (result.kind === 'failed') return await this.#fail(lease, result.failure, requester);
      if (result.kind === 'token') this.#record('ok', grant, requester, { scopes: result.token.scopes });
      return result;
    } catch (error) {
      await this.leases.giveUp(lease, 0).catch(() => undefined);
      throw error;
    }
  }

  async #fail(lease: Lease, failure: GoogleFailure, requester: Requester): Promise<RefreshResult> {
    const { grant } = lease;
    if (failure.kind === 'grant_dead' || failure.kind === 'policy_rejected') {
      return this.#markDead(lease, failure, requester);
    }
    if (failure.kind !== 'withheld') this.#report(failure, grant, requester, null);
    this.failures.add(grant, failure);
    const isOutage = failure.kind === 'unavailable';
    const backoffMs = isOutage
      ? backoffAfter(lease.failures + 1, failure.retryAfterSeconds, Math.random())
      : 0;
    // Where this fails, the lease expires; the callers get Google's failure all the same.
    await this.leases.giveUp(lease, backoffMs).catch(() => undefined);
    return { kind: 'failed', failure };
  }

  async #markDead(lease: Lease, failure: GoogleFailure, requester: Requester): Promise<RefreshResult> {
    const { grant } = lease;
    // During an outage of the database the diagnosis has less to go by; the grant is dead all the same.
    const ledgerSays = await this.ledger.endReason(grant.id).catch(() => null);
    const diagnosis = diagnose(failure, { grant, now: this.clock.now(), ledgerSays });
    this.#report(failure, grant, requester, diagnosis);
    try {
      const isMarked = await this.leases.markDead(lease, diagnosis, this.clock.now());
      return isMarked ? { kind: 'dead', diagnosis } : { kind: 'changed' };
    } catch (fault) {
      return this.unsaved.keepDeadMark(lease, diagnosis, fault);
    }
  }

  /** Google's description stays out of log and audit trail: it is free text. */
  #report(failure: GoogleFailure, grant: Grant, requester: Requester, diagnosis: Diagnosis | null): void {
    const { kind, error, subtype } = failure;
    this.#log.warn({ grant: grant.id, kind, error, subtype }, 'refresh failed');
    this.#record(kind, grant, requester, {
      google_error: error,
      ...(subtype === null ? {} : { google_error_subtype: subtype }),
      ...(diagnosis ? { cause: diagnosis.cause, confidence: diagnosis.confidence } : {}),
    });
  }

  #record(outcome: string, grant: Grant, requester: Requester, details: Record<string, AuditDetail>): void {
    this.audit.record({
      at: this.clock.now(),
      action: 'token.refresh',
      outcome,
      actor: 'google',
      serviceId: requester.service.id,
      userId: grant.userId,
      client: grant.client,
      grantId: grant.id,
      requestId: requester.requestId,
      details,
    });
  }
}

/** Google was not asked. */
function withheld(error: string, retryAfterSeconds: number | null = null) {
  const failure = new GoogleFailure('withheld', error, '', null, retryAfterSeconds);
  return { kind: 'failed', failure } as const;
}
