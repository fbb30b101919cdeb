import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { BrokerError } from '../domain/errors.js';
import { backoffAfter } from '../domain/google/google-failure.js';
import { scopeKey } from '../domain/google/scopes.js';
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

/** For one write. */
const LEASE_MS = 10_000;
const MAX_ENTRIES = 10_000;
const CLOSE_MS = 2000;

type Result =
  /** `token` is null where it must not be handed out: what Google said changes the grant, and that is not written. */
  | {
      readonly kind: 'token';
      readonly scopes: readonly string[];
      answer: TokenEndpointResponse;
      token: AccessToken | null;
    }
  | { readonly kind: 'narrowed'; readonly scopes: readonly string[] }
  | { readonly kind: 'dead'; readonly diagnosis: Diagnosis };

interface Entry {
  readonly grant: Grant;
  readonly result: Result;
  readonly failures: number;
  /** By the monotonic clock: neither Google nor the database is asked before. */
  nextAt: number;
}

/**
 * What Google said of a grant and the database did not take (a full disk, an outage). It goes to those who wait for it,
 * and to those who ask next while the grant is what it was: so Google is not asked by each of them. Saving is tried
 * again, each time later. An entry belongs to one version of a grant, which a caller has read just before: whatever ends
 * the grant ends the entry.
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
    private readonly remembered: GrantCache,
    private readonly changes: ChangeFeed,
    private readonly work: Scheduler,
  ) {}

  onModuleInit(): void {
    this.work.every(1, 'save refreshes', () => this.#saveDue());
    this.changes.subscribe(({ kind }) => {
      if (kind === 'everything') this.#serveNoMore();
    });
  }

  /** One last time, for a new refresh token above all. */
  async onApplicationShutdown(): Promise<void> {
    const all = Promise.allSettled([...this.#entries].map(([key, entry]) => this.#save(key, entry)));
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
  }

  /** A token that may be served beside those that are stored. */
  token(grant: Grant, scopes: readonly string[]): AccessToken | null {
    const result = this.#entries.get(keyOf(grant, scopes))?.result;
    return result?.kind === 'token' ? result.token : null;
  }

  /**
   * What is known already, so that Google need not be asked.
   * @returns null when Google may be asked
   * @throws {BrokerError} `database_unavailable` while nothing can be saved and there is nothing to give
   */
  known(
    grant: Grant,
    scopes: readonly string[],
  ):
    | { readonly kind: 'token'; readonly token: AccessToken }
    | { readonly kind: 'dead'; readonly diagnosis: Diagnosis }
    | null {
    const change = this.#entries.get(keyOf(grant, null));
    if (change?.result.kind === 'dead') return change.result;
    if (change && change.nextAt > performance.now()) throw unsaved(change);
    const entry = this.#entries.get(keyOf(grant, scopes));
    if (entry?.result.kind !== 'token' || entry.nextAt <= performance.now()) return null;
    const { token } = entry.result;
    // One that lives shorter than asked still beats none.
    if (token && isFresh(token, this.clock.now(), 1)) return { kind: 'token', token };
    throw unsaved(entry);
  }

  /**
   * @returns the token for those who wait, since they asked while the grant was alive
   * @throws {BrokerError} `database_unavailable` where it may not be given: the grant itself changes
   */
  keepToken(
    lease: Lease,
    scopes: readonly string[],
    { answer, token }: { readonly answer: TokenEndpointResponse; readonly token: AccessToken | null },
    fault: unknown,
  ): AccessToken {
    const entry = this.#keep(lease, { kind: 'token', scopes, answer, token }, fault);
    if (!token) throw unsaved(entry);
    return token;
  }

  /** The grant is dead, and that could not be written. */
  keepDeadMark(lease: Lease, diagnosis: Diagnosis, fault: unknown): void {
    this.#keep(lease, { kind: 'dead', diagnosis }, fault);
  }

  /** The grant holds less than was known, and that could not be written. @throws {BrokerError} `database_unavailable` */
  keepNarrowing(lease: Lease, scopes: readonly string[], fault: unknown): never {
    throw unsaved(this.#keep(lease, { kind: 'narrowed', scopes }, fault));
  }

  #keep(lease: Lease, result: Result, fault: unknown): Entry {
    const { grant } = lease;
    const entry = this.#fail(
      keyOf(grant, result.kind === 'token' ? result.scopes : null),
      grant,
      result,
      fault,
    );
    // Not awaited: where this fails too, the lease expires.
    void this.leases.giveUp(lease, 0).catch(() => undefined);
    return entry;
  }

  #fail(key: string, grant: Grant, result: Result, fault: unknown): Entry {
    const failures = (this.#entries.get(key)?.failures ?? 0) + 1;
    const backoffMs = backoffAfter(failures, null, Math.random());
    const entry = { grant, result, failures, nextAt: performance.now() + backoffMs };
    this.#entries.set(key, entry);
    this.#log.error(
      { err: fault, grant: grant.id, kind: result.kind, failures, backoffMs },
      'what Google said could not be saved; it is tried again',
    );
    return entry;
  }

  /** Anything may have changed. What must not be lost is still saved. */
  #serveNoMore(): void {
    for (const [key, { result }] of this.#entries) {
      if (result.kind !== 'token') continue;
      if (result.answer.refreshToken === null) this.#entries.delete(key);
      else result.token = null;
    }
  }

  async #saveDue(): Promise<void> {
    const now = performance.now();
    const due = [...this.#entries].filter(([, { nextAt }]) => nextAt <= now);
    for (const [key, entry] of due) {
      // Where one fails, so does the next: those behind come first in the next round.
      if (!(await this.#save(key, entry))) return;
    }
  }

  /** @returns false when the database still takes nothing */
  async #save(key: string, { grant: { id, version }, result }: Entry): Promise<boolean> {
    const drop = () => {
      if (this.#entries.get(key)?.result === result) this.#entries.delete(key);
    };
    let lease: Lease | null = null;
    try {
      const grant = await this.grants.findById(id);
      const isOver = result.kind === 'token' && result.answer.expiresAt <= this.clock.now();
      const isWorthless = isOver && result.answer.refreshToken === null;
      if (grant?.version !== version || grant.status !== 'active' || isWorthless) {
        await this.#bookUnused(grant ?? this.#entries.get(key)?.grant, result);
        drop();
        return true;
      }
      const taken = await this.leases.take(grant, LEASE_MS);
      // Another asks Google, or the grant was refreshed in this moment: looked at again.
      if (taken.kind !== 'taken') return true;
      ({ lease } = taken);
      if (result.kind === 'dead') await this.leases.markDead(lease, result.diagnosis, this.clock.now());
      else if (result.kind === 'narrowed') await this.leases.narrow(lease, result.scopes, this.clock.now());
      else await this.#write(lease, result);
      drop();
      return true;
    } catch (fault) {
      const known = this.#entries.get(key);
      if (known?.result === result) this.#fail(key, known.grant, result, fault);
      if (lease) void this.leases.giveUp(lease, 0).catch(() => undefined);
      return false;
    }
  }

  async #write(lease: Lease, result: Result & { kind: 'token' }): Promise<void> {
    const saved = await this.leases.save(lease, result.scopes, result.answer, this.clock.now());
    if (!saved) await this.#bookUnused(lease.grant, result);
    else if (result.token) this.remembered.renew(saved, result.scopes, result.token);
  }

  /** Whatever becomes of a refresh token, Google counts it. */
  async #bookUnused(grant: Grant | null | undefined, result: Result): Promise<void> {
    if (!grant || result.kind !== 'token' || result.answer.refreshToken === null) return;
    await this.ledger.bookUnused(grant.account, grant.client, result.answer, this.clock.now());
  }
}

/** A consent or a change of scopes starts over. */
function keyOf({ id, version }: Grant, scopes: readonly string[] | null): string {
  return `${id} ${version} ${scopes === null ? '' : scopeKey(scopes)}`;
}

function unsaved({ nextAt }: Entry): BrokerError {
  return new BrokerError(
    'database_unavailable',
    'What Google answered could not be saved. Try again; tell the operator if it stays.',
    { retry_after: Math.max(1, Math.ceil((nextAt - performance.now()) / 1000)) },
  );
}
