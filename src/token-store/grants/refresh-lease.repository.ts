import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { integrityFailed } from '../../domain/errors.js';
import type { Diagnosis, Grant, GoogleTokenResponse } from '../../domain/grant/grant.js';
import { Lease, LeaseOutcome } from '../../domain/grant/lease-and-backoff.js';
import type { GrantChange } from '../../domain/grant/refresh-outcome.js';
import { LEASES, LEASES_HELD, LEASES_LOST } from '../../domain/metrics/google-metrics.js';
import type { Counter } from '../../domain/metrics/instruments.js';
import { Meter } from '../../domain/metrics/meter.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { Database } from '../client/database.js';
import { SharedStatement, type SharedText } from '../client/shared-statement.js';
import { StatementBatch } from '../client/statement-batch.js';
import type { Prisma } from '../prisma-client/client.js';
import { Outbox } from '../outbox/outbox.js';
import { CredentialSealer, type SealedCredential } from './credential-sealer.js';
import { TAKE_LEASE_FUNCTION } from '../distributed/distributed-tables.js';
import { deadColumns, endTokens } from './dead-grants.js';
import { SaveRefresh, WITHOUT_WAITING_FOR_DISK } from './save-refresh.js';
import { SlotBookings } from './slot-bookings.js';

interface AskedLease {
  readonly owner: string;
  readonly ms: number;
  readonly grant: Grant;
}

interface TakenLease extends SealedCredential {
  readonly owner: string;
  readonly failures: number;
  /** Proves which refresh token belongs to this grant. */
  readonly ledgerMacs: readonly string[];
}

/**
 * No lease or backoff lasts longer (`backoffAfter`, GOOGLE_TIMEOUT_MS). One that seems to was written before the database's clock was set
 * back, or not by the broker, and is ignored.
 */
const MAX_LEASE = `interval '15 minutes'`;

/** Takes several leases; each only if its grant is as it was read, and free. */
const take: SharedText = ({ asked, isUser, skipLocked }) => `
  WITH free AS (
    SELECT grants.user_id, grants.id, asked.owner, asked.ms
    FROM ${asked('user_id, owner, ms, id, version, refreshes')}
      JOIN grants ON ${isUser('grants.user_id')} AND grants.id = asked.id AND grants.version = asked.version
        AND grants.refreshes = asked.refreshes
    WHERE status = 'active' AND coalesce(sealed_refresh_token, sealed_key) IS NOT NULL
      AND (lease_expires_at IS NULL OR lease_expires_at <= clock_timestamp()
        OR lease_expires_at > clock_timestamp() + ${MAX_LEASE})
      AND ${WITHOUT_WAITING_FOR_DISK}
    FOR NO KEY UPDATE OF grants ${skipLocked})
  UPDATE grants SET lease_owner = free.owner, lease_awaited = false,
    lease_expires_at = clock_timestamp() + free.ms * interval '1 millisecond'
  FROM free WHERE grants.user_id = free.user_id AND grants.id = free.id
  RETURNING lease_owner AS owner, coalesce(sealed_refresh_token, sealed_key) AS sealed,
    credential_version AS "credentialVersion", refresh_failures AS failures,
    ARRAY(SELECT encode(mac, 'hex') FROM refresh_tokens
      WHERE refresh_tokens.user_id = grants.user_id AND grant_id = grants.id AND current AND mac IS NOT NULL) AS "ledgerMacs"`;
const TAKE_TYPES = ['text', 'uuid', 'integer', 'uuid', 'integer', 'integer'];

/**
 * One refresh of a grant across all replicas, from taking the lease to storing the result. Time is the database's, the one
 * clock that all replicas share. Each write is conditional on the lease and on the grant's version: a consent, a disconnect or
 * another refresh in between wins.
 *
 * A lease is columns of the grant's row: one conditional UPDATE takes it, one statement ends it and stores the result.
 */
@Injectable()
export class RefreshLeaseRepository {
  readonly #takeLeases: SharedStatement<TakenLease>;
  /** By owner. */
  readonly #held = new Set<string>();
  readonly #outcomes: Counter<typeof LEASES.labels>;
  readonly #lost: Counter<typeof LEASES_LOST.labels>;
  readonly #takes = new StatementBatch<AskedLease, TakenLease>(
    (asked, isAlone) => this.#takeAll(asked, isAlone),
    () => this.database.isDistributed(),
  );

  constructor(
    private readonly database: Database,
    private readonly saves: SaveRefresh,
    private readonly ledger: SlotBookings,
    private readonly outbox: Outbox,
    private readonly changes: ChangeFeed,
    private readonly credentials: CredentialSealer,
    private readonly reporter: IntegrityReporter,
    meter: Meter,
  ) {
    this.#outcomes = meter.counter(LEASES);
    this.#lost = meter.counter(LEASES_LOST);
    meter.gauge(LEASES_HELD).observe({}, () => this.#held.size);
    this.#takeLeases = new SharedStatement(database, 'take lease', TAKE_TYPES, take, TAKE_LEASE_FUNCTION);
  }

  async #takeAll(asked: readonly AskedLease[], isAlone: boolean): Promise<(TakenLease | null)[]> {
    const inputs = asked.map(({ owner, ms, grant: { userId, id, version, refreshes } }) => [
      userId,
      owner,
      ms,
      id,
      version,
      refreshes,
    ]);
    const rows = await this.#takeLeases.run(inputs, isAlone);
    const taken = new Map(rows.map((row) => [row.owner, row]));
    return asked.map(({ owner }) => taken.get(owner) ?? null);
  }

  /** @param replacesRefused why it is taken: stored with the token */
  async take(grant: Grant, ms: number, replacesRefused = false): Promise<LeaseOutcome> {
    const { userId, id, version, refreshes } = grant;
    const owner = randomUUID();
    const taken = await this.#takes.add({ owner, ms, grant });
    if (taken) {
      const credential = await this.#open(grant, taken).catch(async (error: unknown) => {
        // Another replica may have the key that this one lacks.
        await this.#end(grant, owner, 0);
        throw error;
      });
      this.#outcomes.add({ outcome: 'taken' });
      this.#held.add(owner);
      return {
        kind: 'taken',
        lease: {
          owner,
          grant,
          credential,
          credentialVersion: taken.credentialVersion ?? 0,
          failures: taken.failures,
          replacesRefused,
        },
      };
    }
    const [busy] = await this.database.$queryRaw<{ held: boolean; ms: number; isFirst: boolean }[]>`
      WITH busy AS (
        SELECT lease_owner, (extract(epoch FROM lease_expires_at - now()) * 1000)::float8 AS ms FROM grants
        WHERE user_id = ${userId} AND id = ${id}::uuid AND version = ${version} AND refreshes = ${refreshes}
          AND status = 'active' AND lease_expires_at > now()),
      awaited AS (
        UPDATE grants SET lease_awaited = true
        WHERE user_id = ${userId} AND id = ${id}::uuid AND lease_owner = (SELECT lease_owner FROM busy)
          AND NOT lease_awaited
        RETURNING id)
      SELECT lease_owner IS NOT NULL AS held, ms, EXISTS (SELECT FROM awaited) AS "isFirst" FROM busy`;
    // A lease that is waited for is asked for again and again, and counted once.
    if (!busy?.held) this.#outcomes.add({ outcome: busy ? 'backoff' : 'changed' });
    else if (busy.isFirst) this.#outcomes.add({ outcome: 'waited' });
    return busy ? { kind: busy.held ? 'held' : 'backoff', ms: Math.max(0, busy.ms) } : { kind: 'changed' };
  }

  /** Opens with the grant as it was read: a row that was changed without a new version does not open. */
  async #open(grant: Grant, taken: TakenLease): Promise<Lease['credential']> {
    const secret = await this.credentials.open(grant, taken);
    if (grant.kind === 'service_account') return { kind: 'service_account_key', key: secret };
    const mac = this.ledger.macOf(grant, taken.credentialVersion ?? 0, secret);
    if (!taken.ledgerMacs.includes(Buffer.from(mac).toString('hex'))) {
      const reason =
        'Its refresh token is not the one that the slot ledger knows: an older one was put back.';
      this.reporter.report({ kind: 'ledger', id: grant.id, reason });
      throw integrityFailed();
    }
    return { kind: 'refresh_token', refreshToken: secret };
  }

  /**
   * Stores the response and ends the lease.
   * @param scopes what the token was asked for
   * @returns the grant as it is now; null when it changed meanwhile, and nothing was written
   */
  async save(
    lease: Lease,
    scopes: readonly string[],
    answer: GoogleTokenResponse,
    now: Date,
  ): Promise<Grant | null> {
    return this.#ending(lease, this.saves.save(lease, scopes, answer, now));
  }

  /**
   * Stores what is left of the grant and a new refresh token, without a token to hand out. Ends the lease.
   * @returns false when the grant changed meanwhile, and nothing was written
   */
  async saveGrant(lease: Lease, change: GrantChange, now: Date): Promise<boolean> {
    return (await this.#ending(lease, this.saves.saveGrant(lease, change, now))) !== null;
  }

  /** Ends grant and lease. @returns false when the grant changed meanwhile; then nothing is written */
  async markDead(lease: Lease, diagnosis: Diagnosis, now: Date): Promise<boolean> {
    const { grant, owner } = lease;
    const mark = async (tx: Prisma.TransactionClient) => {
      const { count } = await tx.grant.updateMany({
        where: { userId: grant.userId, id: grant.id, version: grant.version, leaseOwner: owner },
        data: { ...deadColumns('reconnect_required', diagnosis), version: { increment: 1 } },
      });
      if (count === 0) return false;
      await endTokens(tx, grant.userId, [grant.id], diagnosis.cause, now);
      const ended: Grant = { ...grant, status: 'reconnect_required', diagnosis };
      await this.outbox.notify(tx, 'grant.reconnect_required', ended, now);
      return true;
    };
    const marking = this.database.aboutUser(grant.userId, () => this.database.$transaction(mark));
    const markedDead = await this.#ending(lease, marking);
    if (markedDead) this.changes.publish({ kind: 'grant', userId: grant.userId, client: grant.client });
    return markedDead;
  }

  /** Ends the lease without a result. @param backoffMs how long no replica may ask Google; 0: the next may at once */
  async giveUp({ grant, owner }: Lease, backoffMs: number): Promise<void> {
    await this.#end(grant, owner, backoffMs);
  }

  /** @param writing its result: nothing where another had changed the grant, or taken the lease */
  async #ending<Result>({ owner }: Lease, writing: Promise<Result>): Promise<Result> {
    const result = await writing;
    this.#held.delete(owner);
    if (!result) this.#lost.add({});
    return result;
  }

  async #end({ userId, id }: Grant, owner: string, backoffMs: number): Promise<void> {
    this.#held.delete(owner);
    // NULL gives no backoff. Citus refuses now() within CASE.
    const [wait, failures] = backoffMs > 0 ? [backoffMs, 1] : [null, 0];
    const end = () => this.database.$executeRaw`
      UPDATE grants SET lease_owner = NULL, lease_awaited = false,
        lease_expires_at = now() + ${wait}::float8 * interval '1 millisecond',
        refresh_failures = refresh_failures + ${failures}
      WHERE user_id = ${userId} AND id = ${id}::uuid AND lease_owner = ${owner}::uuid`;
    await this.database.aboutUser(userId, end);
  }
}
