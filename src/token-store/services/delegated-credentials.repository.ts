import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Delegation } from '../../domain/access/delegation.js';
import { cacheBound } from '../../domain/cache-memory.js';
import type { Page } from '../../domain/list-position.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { alongIndex } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { endableBy, type EndableOfUser } from '../client/endable-by.js';
import { type DelegatedCredential as Row, Prisma } from '../prisma-client/client.js';
import { canonical } from '../sealed/aad.js';

export interface DelegatedCredential extends Delegation {
  readonly serviceId: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  /** To the hour. */
  readonly lastUsedAt: Date | null;
}

export interface StoredCredential extends DelegatedCredential {
  /** Of the handle's secret; empty once revoked. */
  readonly secretHash: Uint8Array;
}

/** A row, verified or not. */
export interface ListedCredential extends DelegatedCredential {
  /** False: the broker did not write the row like this, and refuses its handle. */
  readonly isVerified: boolean;
}

export interface RevokedCredential {
  readonly credential: DelegatedCredential;
  /** False when it was revoked before. */
  readonly changed: boolean;
}

export interface CredentialPosition {
  readonly at: Date;
  readonly id: string;
}

interface CredentialFilter {
  readonly serviceId: string | null;
  readonly userId: string | null;
  /** Where the last page ended; null for the first page. */
  readonly after: CredentialPosition | null;
  readonly limit: number;
}

const DAY_MS = 24 * 3600_000;
/** How long one that ended is still listed. */
const KEEP_MS = 30 * DAY_MS;
/** More than one is deleted for each that is created: what ended does not pile up. */
const DELETED_AT_ONCE = 100;
const USED_STEP_MS = 3600_000;
const MAX_REVOKED = 50_000;

/**
 * Delegated credentials, found by their id. Each row has a MAC: one that was inserted, widened or given another secret in the
 * database does not exist for callers, and raises an alarm. Does not own which handle is whose (services/).
 */
@Injectable()
export class DelegatedCredentialsRepository {
  /** What this process saw revoked. A restored old row does not reactivate it. */
  readonly #revoked = new LRUCache<string, true>(cacheBound(MAX_REVOKED));

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
    private readonly changes: ChangeFeed,
  ) {}

  /** Also deletes some of those that ended long ago. */
  async add(credential: DelegatedCredential, secretHash: Uint8Array<ArrayBuffer>): Promise<void> {
    const columns = { ...credential, scopes: [...credential.scopes], secretHash };
    await this.database.delegatedCredential.create({ data: { ...columns, mac: this.#macOf(columns) } });
    const before = new Date(credential.createdAt.getTime() - KEEP_MS);
    await this.database.$executeRaw`
      DELETE FROM delegated_credentials WHERE id IN (
        SELECT id FROM delegated_credentials WHERE LEAST(revoked_at, expires_at) < ${before} LIMIT ${DELETED_AT_ONCE})`;
  }

  /** @returns null when no row has this id, or it is not as the broker wrote it */
  async find(id: string): Promise<StoredCredential | null> {
    const wasRevoked = this.#revoked.has(id);
    const row = await this.database.delegatedCredential.findUnique({ where: { id } });
    if (!row) return null;
    const fault = this.#faultOf(row, wasRevoked);
    if (fault !== null) {
      this.reporter.report({ kind: 'delegated_credential', id, reason: fault });
      return null;
    }
    if (row.revokedAt) this.#revoked.set(id, true);
    return { ...fromRow(row), secretHash: row.secretHash ?? new Uint8Array() };
  }

  /** The newest first; those that ended are listed for a while. */
  async list({
    serviceId,
    userId,
    after,
    limit,
  }: CredentialFilter): Promise<Page<ListedCredential, CredentialPosition>> {
    const rows = await this.database.delegatedCredential.findMany({
      where: {
        ...(serviceId === null ? {} : { serviceId }),
        ...(userId === null ? {} : { userId }),
        ...(after ? behind(after) : {}),
      },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: limit + 1,
    });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      items: page.map((row) => ({ ...fromRow(row), isVerified: this.#isSigned(row) })),
      next: rows.length > limit && last ? { at: last.createdAt, id: last.id } : null,
    };
  }

  /** The ids and clients of those of a user that can still be used, and that a caller may end. */
  usableOfUser(
    { userId, now, ...caller }: EndableOfUser,
    limit: number,
  ): Promise<Pick<Row, 'id' | 'serviceId' | 'client'>[]> {
    return this.database.delegatedCredential.findMany({
      where: { userId, revokedAt: null, expiresAt: { gt: now }, ...endableBy(caller) },
      select: { id: true, serviceId: true, client: true },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      take: limit,
    });
  }

  /** How many of each service can still be used. @param upTo where counting of each stops */
  async countUsable(
    serviceIds: readonly string[],
    now: Date,
    upTo: number = Number.MAX_SAFE_INTEGER,
  ): Promise<ReadonlyMap<string, number>> {
    const counted = await alongIndex<{ id: string; usable: number }>(
      this.database,
      Prisma.sql`SELECT id, usable FROM unnest(${[...serviceIds]}::text[]) AS wanted(id) CROSS JOIN LATERAL (
        SELECT count(*)::int AS usable FROM (
          SELECT 1 FROM delegated_credentials
          WHERE service_id = wanted.id AND revoked_at IS NULL AND expires_at > ${now} LIMIT ${upTo}
        ) AS own
      ) AS counted`,
    );
    return new Map(counted.map(({ id, usable }) => [id, usable]));
  }

  /**
   * For good. A row that is not verified can be revoked, too.
   * @param serviceId of the only service whose credential may be revoked; null: of any
   * @returns null when there is no such credential
   */
  async revoke(id: string, serviceId: string | null, now: Date): Promise<RevokedCredential | null> {
    const result = await this.database.$transaction(async (tx) => {
      const row = await tx.delegatedCredential.findUnique({ where: { id } });
      if (!row || (serviceId !== null && row.serviceId !== serviceId)) return null;
      if (row.revokedAt && this.#isSigned(row)) return { credential: fromRow(row), changed: false };
      // Undoing the revocation in the database would need the old hash and the old MAC: both are deleted.
      const ended = { ...row, revokedAt: now, secretHash: null };
      await tx.delegatedCredential.update({
        where: { id },
        data: { revokedAt: now, secretHash: null, mac: this.#macOf(ended) },
      });
      return { credential: fromRow(ended), changed: true };
    });
    if (result) this.#revoked.set(id, true);
    this.changes.publish({ kind: 'credential', id });
    return result;
  }

  /** Notes a use: at most one write an hour. */
  async touch({ id, lastUsedAt }: DelegatedCredential, now: Date): Promise<void> {
    const before = new Date(now.getTime() - USED_STEP_MS);
    if (lastUsedAt && lastUsedAt > before) return;
    const isDue = [{ lastUsedAt: null }, { lastUsedAt: { lte: before } }];
    await this.database.delegatedCredential.updateMany({
      where: { id, OR: isDue },
      data: { lastUsedAt: now },
    });
  }

  #faultOf(row: Row, wasRevoked: boolean): string | null {
    if (!this.#isSigned(row))
      return 'The row has a wrong MAC: it was added or changed outside the broker, or signed with another key ring.';
    const isBack = row.revokedAt === null && wasRevoked;
    return isBack ? 'The credential was revoked, and its previous row was restored.' : null;
  }

  #isSigned(row: Row): boolean {
    const expected = this.#macOf(row);
    return row.mac.length === expected.length && timingSafeEqual(row.mac, expected);
  }

  #macOf({ mac: _, lastUsedAt: __, ...columns }: Partial<Row>): Uint8Array<ArrayBuffer> {
    return this.sealer.mac(canonical(columns), 'delegated_credentials');
  }
}

function behind({ at, id }: CredentialPosition): Prisma.DelegatedCredentialWhereInput {
  return { OR: [{ createdAt: { lt: at } }, { createdAt: at, id: { lt: id } }] };
}

function fromRow({ mac: _, secretHash: __, ...credential }: Row): DelegatedCredential {
  return credential;
}
