import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../domain/cache-memory.js';
import { isTransient } from '../domain/google/google-failure.js';
import { sameScopes } from '../domain/google/scopes.js';
import { backoffAfter, type Lease, secretOf } from '../domain/grant/lease-and-backoff.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import {
  entryKeyOf,
  type RefreshedToken,
  rotationOf,
  keyOf,
  type RefreshOutcome,
  resultOf,
  type Unsaved,
  unsaved,
} from '../domain/grant/refresh-outcome.js';
import { isFresh } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { RefreshLeaseRepository } from '../token-store/grants/refresh-lease.repository.js';
import { RotatedTokensRepository } from '../token-store/grants/rotated-tokens.repository.js';
import { GrantCache } from './grant-cache.js';
import type { RefreshFailure, RefreshResult } from './token-request.js';

/** For one write. */
const LEASE_MS = 10_000;
const MAX_ENTRIES = 10_000;
const CLOSE_MS = 2000;
/** At most, for a new refresh token: until it is saved, another replica may ask Google with the former one. */
const ROTATION_BACKOFF_MS = 500;
/** Saved again at the same time. */
const TOGETHER = 8;
/** Of these one after another, without one that is saved. */
const MAX_FAILED = 3;
const TRANSIENT_MS = 1000;
/** For what the operator must fix first: the client, or its scopes. */
const LASTING_MS = 10_000;
const NOT_NARROWED_MS = 60_000;
/** Google's tokeninfo endpoint is asked about a token once in this time. */
const NOT_REPLACED_MS = 30_000;

/**
 * Saves what Google answered to a refresh. What the database does not accept (a full disk, an outage) is kept, served as long as the
 * grant has not changed, and saved later, with backoff. The latest failures are cached, so that callers who retry at once cost neither
 * a request to Google nor a query; the backoff that all replicas share is a column of the grant's row
 * (domain/grant/lease-and-backoff.ts). An entry belongs to one version of a grant, which each caller has just read: whatever ends the
 * grant ends the entry.
 */
@Injectable()
export class RefreshResults implements OnModuleInit, OnApplicationShutdown {
  readonly #log = new Logger(RefreshResults.name);
  readonly #unsaved = new LRUCache<string, Unsaved>(cacheBound(MAX_ENTRIES));
  readonly #failures: LRUCache<string, RefreshFailure>;

  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly leases: RefreshLeaseRepository,
    private readonly rotatedTokens: RotatedTokensRepository,
    private readonly cache: GrantCache,
    private readonly changes: ChangeFeed,
    private readonly scheduler: Scheduler,
  ) {
    const perf = { now: () => clock.monotonicMs() };
    this.#failures = new LRUCache({ ...cacheBound(MAX_ENTRIES), ttl: TRANSIENT_MS, ttlResolution: 0, perf });
  }

  onModuleInit(): void {
    this.scheduler.every(1, 'save refreshes', () => this.#saveDue());
    this.changes.subscribe(({ kind }) => {
      if (kind === 'everything') this.#stopServing();
    });
  }

  /** A last attempt, above all for new refresh tokens. */
  async onApplicationShutdown(): Promise<void> {
    const all = Promise.allSettled([...this.#unsaved].map(([key, entry]) => this.#saveAgain(key, entry)));
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
  }

  /** A token that is not saved, and may be served like one that is. */
  unsavedToken(grant: Grant, scopes: readonly string[]): AccessToken | null {
    const change = this.#unsaved.get(keyOf(grant))?.outcome;
    if (change?.kind === 'token') return sameScopes(change.scopes, scopes) ? change.token : null;
    const outcome = this.#unsaved.get(keyOf(grant, scopes))?.outcome;
    return outcome?.kind === 'token' ? outcome.token : null;
  }

  /** The result of an earlier refresh, for a caller who would ask Google again. */
  find(grant: Grant, scopes: readonly string[]): RefreshResult | null {
    const change = this.#unsaved.get(keyOf(grant));
    if (change?.outcome.kind === 'dead') return change.outcome;
    // A new refresh token: until it is saved, Google is not asked for any scopes, since the former one may be dead.
    if (change?.outcome.kind === 'token') return this.#servedOf(change, change.outcome, scopes);
    if (change && (rotationOf(change.outcome) || change.nextAt > this.clock.monotonicMs()))
      return unsaved(change, this.clock.monotonicMs());
    const entry = this.#unsaved.get(keyOf(grant, scopes));
    if (entry?.outcome.kind === 'token' && entry.nextAt > this.clock.monotonicMs())
      return this.#servedOf(entry, entry.outcome, scopes);
    return this.#failures.get(keyOf(grant)) ?? this.#failures.get(keyOf(grant, scopes)) ?? null;
  }

  /** A token that expires before min_ttl is better than none. */
  #servedOf(entry: Unsaved, { token, scopes }: RefreshedToken, asked: readonly string[]): RefreshResult {
    const isServed = token && sameScopes(scopes, asked) && isFresh(token, this.clock.now(), 1);
    return isServed ? { kind: 'token', token, source: 'store' } : unsaved(entry, this.clock.monotonicMs());
  }

  /** What came of asking Google about a token that a caller says it refused. @param tokenId as in `tokenIdOf` */
  verdictOn(tokenId: string): RefreshFailure | null {
    return this.#failures.get(tokenId) ?? null;
  }

  cacheVerdict(tokenId: string, result: RefreshFailure): void {
    this.#failures.set(tokenId, result, {
      ttl: result.kind === 'not_replaced' ? NOT_REPLACED_MS : TRANSIENT_MS,
    });
  }

  /** A failure concerns the whole grant; that Google did not narrow, only these scopes. */
  cacheFailure(
    grant: Grant,
    scopes: readonly string[],
    result: Extract<RefreshFailure, { kind: 'failed' | 'not_narrowed' }>,
  ): void {
    if (result.kind === 'not_narrowed') {
      this.#failures.set(keyOf(grant, scopes), result, { ttl: NOT_NARROWED_MS });
    } else {
      const ttl = isTransient(result.failure) ? TRANSIENT_MS : LASTING_MS;
      this.#failures.set(keyOf(grant), result, { ttl });
    }
  }

  /** @returns `changed` where the grant changed meanwhile, or the response changed it: it must be read again */
  async save(lease: Lease, outcome: RefreshOutcome): Promise<RefreshResult> {
    const asked = { grant: lease.grant, sent: secretOf(lease.credential), outcome };
    let isSaved;
    try {
      isSaved = await this.#write(lease, outcome);
    } catch (fault) {
      const entry = this.#keep(asked, fault, lease);
      return resultOf(outcome) ?? unsaved(entry, this.clock.monotonicMs());
    }
    if (isSaved) return resultOf(outcome) ?? { kind: 'changed' };
    // A security event changes a grant and leaves its lease.
    await this.leases.giveUp(lease, 0).catch(() => undefined);
    if (!rotationOf(outcome)) return { kind: 'changed' };
    // Leases do not wait for a standby: after a failover the lease may be gone and the grant as it was, and no other refresh token valid.
    const entry = this.#keep(asked, new Error('The lease is gone.'), null);
    const key = entryKeyOf(lease.grant, outcome);
    await this.#saveAgain(key, entry);
    if (this.#unsaved.get(key)?.outcome !== outcome) return { kind: 'changed' };
    return resultOf(outcome) ?? unsaved(entry, this.clock.monotonicMs());
  }

  /** @returns false when the grant changed meanwhile, and nothing was written */
  async #write(lease: Lease, outcome: RefreshOutcome): Promise<boolean> {
    const now = this.clock.now();
    if (outcome.kind === 'dead') return this.leases.markDead(lease, outcome.diagnosis, now);
    if (outcome.kind === 'grant_only') return this.leases.saveGrant(lease, outcome, now);
    const saved = await this.leases.save(lease, outcome.scopes, outcome.response, now);
    if (saved && outcome.token) this.cache.update(saved, outcome.scopes, outcome.token);
    return saved !== null;
  }

  #keep(
    { grant, sent, outcome }: Pick<Unsaved, 'grant' | 'sent' | 'outcome'>,
    fault: unknown,
    held: Lease | null,
  ): Unsaved {
    const key = entryKeyOf(grant, outcome);
    const failures = (this.#unsaved.get(key)?.failures ?? 0) + 1;
    const lease = rotationOf(outcome) ? held : null;
    const maxMs = rotationOf(outcome) ? ROTATION_BACKOFF_MS : Infinity;
    const backoffMs = Math.min(backoffAfter(failures, null, Math.random()), maxMs);
    // Not awaited: where this fails as well, the lease expires.
    if (held && !lease) void this.leases.giveUp(held, 0).catch(() => undefined);
    const entry = { grant, sent, outcome, lease, failures, nextAt: this.clock.monotonicMs() + backoffMs };
    this.#unsaved.set(key, entry);
    this.#log.error(
      { err: fault, grant: grant.id, kind: outcome.kind, failures, backoffMs },
      'what Google answered could not be saved; it is retried',
    );
    return entry;
  }

  /** Any grant may have changed. New refresh tokens are still saved. */
  #stopServing(): void {
    for (const [key, { outcome }] of this.#unsaved) {
      if (outcome.kind !== 'token') continue;
      if (outcome.response.refreshToken === null) this.#unsaved.delete(key);
      else outcome.token = null;
    }
  }

  async #saveDue(): Promise<void> {
    const now = this.clock.monotonicMs();
    const due = [...this.#unsaved].filter(([, { nextAt }]) => nextAt <= now);
    // Those of users whose server is away fail most often, and keep no others waiting.
    due.sort(([, a], [, b]) => a.failures - b.failures);
    let failed = 0;
    for (let start = 0; start < due.length; start += TOGETHER) {
      const some = due.slice(start, start + TOGETHER);
      const saved = await Promise.all(some.map(([key, entry]) => this.#saveAgain(key, entry)));
      failed = saved.includes(true) ? 0 : failed + 1;
      // Where so many fail, so do the next.
      if (failed === MAX_FAILED) return;
    }
  }

  /** @returns false when the database still accepts nothing */
  async #saveAgain(key: string, entry: Unsaved): Promise<boolean> {
    const { grant, outcome } = entry;
    const isKept = () => this.#unsaved.get(key)?.outcome === outcome;
    let { lease } = entry;
    try {
      let isSaved = lease !== null && (await this.#write(lease, outcome));
      if (!isSaved) {
        lease = null;
        if (entry.lease && isKept()) this.#unsaved.set(key, { ...entry, lease });
        const current = await this.grants.findById(grant.id, grant.userId);
        const isExpired = outcome.kind === 'token' && outcome.response.expiresAt <= this.clock.now();
        const isObsolete = isExpired && outcome.response.refreshToken === null;
        if (current?.version === grant.version && current.status === 'active' && !isObsolete) {
          const replacesRefused = outcome.kind === 'token' && outcome.token?.replacesRefused === true;
          const taken = await this.leases.take(current, LEASE_MS, replacesRefused);
          // Another replica has the lease, or has just refreshed the grant: retried in the next round.
          if (taken.kind !== 'taken') return true;
          ({ lease } = taken);
          isSaved = await this.#write(lease, outcome);
        }
        // Much changes a grant and leaves its refresh token: a security event, another revocation of the account.
        const issued = isSaved ? null : rotationOf(outcome);
        if (issued) await this.rotatedTokens.save(current ?? grant, entry.sent, issued, this.clock.now());
      }
      if (isKept()) this.#unsaved.delete(key);
      return true;
    } catch (fault) {
      if (isKept()) this.#keep(entry, fault, lease);
      return false;
    }
  }
}
