import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { scopeKey } from '../domain/google/scopes.js';
import { backoffAfter } from '../domain/grant/backoff.js';
import type { AccessToken, Diagnosis, Grant, TokenEndpointResponse } from '../domain/grant/grant.js';
import type { Lease } from '../domain/grant/refresh-lease.js';
import { isFresh } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { RefreshLeaseRepository } from '../token-store/grants/refresh-lease.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { GrantCache } from './grant-cache.js';
import type { RefreshFailure, RefreshResult } from './token-errors.js';

/** For one write. */
const LEASE_MS = 10_000;
const MAX_ENTRIES = 10_000;
const CLOSE_MS = 2000;

type Outcome =
  /** `token` is null where it must not be handed out: the response changes the grant, and that is not written. */
  | {
      readonly kind: 'token';
      readonly scopes: readonly string[];
      response: TokenEndpointResponse;
      token: AccessToken | null;
    }
  | { readonly kind: 'narrowed'; readonly scopes: readonly string[] }
  | { readonly kind: 'dead'; readonly diagnosis: Diagnosis };

interface Entry {
  readonly grant: Grant;
  readonly outcome: Outcome;
  readonly failures: number;
  /** By performance.now(): neither Google nor the database is asked before. */
  readonly nextAt: number;
}

/**
 * Google's answers that the database did not accept (a full disk, an outage). They are served to the callers that wait
 * and to later ones as long as the grant has not changed, so that Google is not asked by each of them. Saving is retried
 * with backoff. An entry belongs to one version of a grant, which each caller has just read: whatever ends the grant ends
 * the entry.
 */
@Injectable()
export class UnsavedRefreshes implements OnModuleInit, OnApplicationShutdown {
  readonly #log = new Logger(UnsavedRefreshes.name);
  readonly #entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES });

  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly leases: RefreshLeaseRepository,
    private readonly ledger: SlotLedgerRepository,
    private readonly cache: GrantCache,
    private readonly changes: ChangeFeed,
    private readonly scheduler: Scheduler,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(1, 'save refreshes', () => this.#saveDue());
    this.changes.subscribe(({ kind }) => {
      if (kind === 'everything') this.#stopServing();
    });
  }

  /** A last attempt, above all for new refresh tokens. */
  async onApplicationShutdown(): Promise<void> {
    const all = Promise.allSettled([...this.#entries].map(([key, entry]) => this.#save(key, entry)));
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
  }

  /** A token that may be served like a stored one. */
  token(grant: Grant, scopes: readonly string[]): AccessToken | null {
    const outcome = this.#entries.get(keyOf(grant, scopes))?.outcome;
    return outcome?.kind === 'token' ? outcome.token : null;
  }

  /** @returns null when Google may be asked */
  resultFor(grant: Grant, scopes: readonly string[]): RefreshResult | null {
    const change = this.#entries.get(keyOf(grant, null));
    if (change?.outcome.kind === 'dead') return change.outcome;
    if (change && change.nextAt > performance.now()) return unsaved(change);
    const entry = this.#entries.get(keyOf(grant, scopes));
    if (entry?.outcome.kind !== 'token' || entry.nextAt <= performance.now()) return null;
    const { token } = entry.outcome;
    // One that expires before min_ttl is better than none.
    return token && isFresh(token, this.clock.now(), 1) ? { kind: 'token', token } : unsaved(entry);
  }

  /** @returns the token for the callers that wait; `unsaved` where it must not be handed out */
  keepToken(
    lease: Lease,
    scopes: readonly string[],
    { response, token }: { readonly response: TokenEndpointResponse; readonly token: AccessToken | null },
    fault: unknown,
  ): RefreshResult {
    const entry = this.#keep(lease, { kind: 'token', scopes, response, token }, fault);
    return token ? { kind: 'token', token } : unsaved(entry);
  }

  /** The grant is dead, and that could not be written. */
  keepDeadMark(lease: Lease, diagnosis: Diagnosis, fault: unknown): RefreshFailure {
    this.#keep(lease, { kind: 'dead', diagnosis }, fault);
    return { kind: 'dead', diagnosis };
  }

  /** The grant holds fewer scopes, and that could not be written. */
  keepNarrowing(lease: Lease, scopes: readonly string[], fault: unknown): RefreshFailure {
    return unsaved(this.#keep(lease, { kind: 'narrowed', scopes }, fault));
  }

  #keep(lease: Lease, outcome: Outcome, fault: unknown): Entry {
    const { grant } = lease;
    const entry = this.#fail(
      keyOf(grant, outcome.kind === 'token' ? outcome.scopes : null),
      grant,
      outcome,
      fault,
    );
    // Not awaited: where this fails as well, the lease expires.
    void this.leases.giveUp(lease, 0).catch(() => undefined);
    return entry;
  }

  #fail(key: string, grant: Grant, outcome: Outcome, fault: unknown): Entry {
    const failures = (this.#entries.get(key)?.failures ?? 0) + 1;
    const backoffMs = backoffAfter(failures, null, Math.random());
    const entry = { grant, outcome, failures, nextAt: performance.now() + backoffMs };
    this.#entries.set(key, entry);
    this.#log.error(
      { err: fault, grant: grant.id, kind: outcome.kind, failures, backoffMs },
      'what Google answered could not be saved; it is retried',
    );
    return entry;
  }

  /** Any grant may have changed. New refresh tokens are still saved. */
  #stopServing(): void {
    for (const [key, { outcome }] of this.#entries) {
      if (outcome.kind !== 'token') continue;
      if (outcome.response.refreshToken === null) this.#entries.delete(key);
      else outcome.token = null;
    }
  }

  async #saveDue(): Promise<void> {
    const now = performance.now();
    const due = [...this.#entries].filter(([, { nextAt }]) => nextAt <= now);
    for (const [key, entry] of due) {
      // Where one fails, so does the next. Its backoff lets the others go first in the next round.
      if (!(await this.#save(key, entry))) return;
    }
  }

  /** @returns false when the database still accepts nothing */
  async #save(key: string, { grant: { id, version }, outcome }: Entry): Promise<boolean> {
    const drop = () => {
      if (this.#entries.get(key)?.outcome === outcome) this.#entries.delete(key);
    };
    let lease: Lease | null = null;
    try {
      const grant = await this.grants.findById(id);
      const isExpired = outcome.kind === 'token' && outcome.response.expiresAt <= this.clock.now();
      const isObsolete = isExpired && outcome.response.refreshToken === null;
      if (grant?.version !== version || grant.status !== 'active' || isObsolete) {
        await this.#bookUnused(grant ?? this.#entries.get(key)?.grant, outcome);
        drop();
        return true;
      }
      const taken = await this.leases.take(grant, LEASE_MS);
      // Another replica has the lease, or has just refreshed the grant: retried in the next round.
      if (taken.kind !== 'taken') return true;
      ({ lease } = taken);
      if (outcome.kind === 'dead') await this.leases.markDead(lease, outcome.diagnosis, this.clock.now());
      else if (outcome.kind === 'narrowed') await this.leases.narrow(lease, outcome.scopes, this.clock.now());
      else await this.#write(lease, outcome);
      drop();
      return true;
    } catch (fault) {
      const known = this.#entries.get(key);
      if (known?.outcome === outcome) this.#fail(key, known.grant, outcome, fault);
      if (lease) void this.leases.giveUp(lease, 0).catch(() => undefined);
      return false;
    }
  }

  async #write(lease: Lease, outcome: Outcome & { kind: 'token' }): Promise<void> {
    const saved = await this.leases.save(lease, outcome.scopes, outcome.response, this.clock.now());
    if (!saved) await this.#bookUnused(lease.grant, outcome);
    else if (outcome.token) this.cache.update(saved, outcome.scopes, outcome.token);
  }

  /** A refresh token occupies a slot at Google even if it is not used. */
  async #bookUnused(grant: Grant | null | undefined, outcome: Outcome): Promise<void> {
    if (!grant || outcome.kind !== 'token' || outcome.response.refreshToken === null) return;
    await this.ledger.bookUnused(grant.account, grant.client, outcome.response, this.clock.now());
  }
}

/** With the version: an entry ends with a consent or a change of scopes. */
function keyOf({ id, version }: Grant, scopes: readonly string[] | null): string {
  return `${id} ${version} ${scopes === null ? '' : scopeKey(scopes)}`;
}

function unsaved({ nextAt }: Entry): RefreshFailure {
  const retryAfterSeconds = Math.max(1, Math.ceil((nextAt - performance.now()) / 1000));
  return { kind: 'unsaved', retryAfterSeconds };
}
