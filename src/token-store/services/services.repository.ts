import { Injectable } from '@nestjs/common';
import type { Page } from '../../domain/list-position.js';
import { IntegrityReporter, WRONG_MAC } from '../../domain/ports/reporters.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { isUniqueViolation } from '../client/database-error.js';
import { Database } from '../client/database.js';
import type { Prisma, Service as Row } from '../prisma-client/client.js';
import { isSigned } from './service-mac.js';
import { fromRow, insertService, type NewService, revokeService, type StoredService } from './service-row.js';

export type { NewService, ServiceCredential, StoredService } from './service-row.js';

/** A row, verified or not. */
export interface ListedService extends StoredService {
  /** False: the broker did not write the row like this, and refuses its calls. */
  readonly isVerified: boolean;
}

interface ServicePosition {
  readonly at: Date;
  readonly id: string;
}

const BATCH = 500;
const OLDEST_FIRST: Prisma.ServiceOrderByWithRelationInput[] = [{ createdAt: 'asc' }, { id: 'asc' }];

/**
 * Services, found by the hash of their key or by their identity. Every row has a MAC: one that was inserted, widened or given another
 * key in the database does not exist for callers, and raises an alarm.
 */
@Injectable()
export class ServicesRepository {
  /** The ids of services that this process saw revoked. A restored old row does not reactivate a revoked service. */
  readonly #revoked = new Set<string>();
  /** The ids that were active when all were read last: one whose row is missing in a later listing was revoked. */
  #active: ReadonlySet<string> = new Set();

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
    private readonly changes: ChangeFeed,
  ) {}

  /** @returns false when the name is taken, or the identity by an active service */
  async add(service: NewService): Promise<boolean> {
    try {
      await this.database.$transaction((tx) => insertService(tx, this.sealer, service));
      this.changes.publish({ kind: 'services' });
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }

  async find(id: string): Promise<StoredService | null> {
    const before = new Set(this.#revoked);
    const row = await this.database.service.findUnique({ where: { id } });
    return row && this.#verified(row, before);
  }

  /** @returns the one active service; a revoked one has given its identity up */
  async findByIdentity(issuer: string, subject: string): Promise<StoredService | null> {
    const before = new Set(this.#revoked);
    const row = await this.database.service.findFirst({ where: { issuer, subject, revokedAt: null } });
    return row && this.#verified(row, before);
  }

  /** Verified or not: for an operator, never for a caller. */
  async findNamed(idOrName: string): Promise<StoredService | null> {
    const rows = await this.database.service.findMany({
      where: { OR: [{ id: idOrName }, { name: idOrName }] },
    });
    const meant = rows.find(({ id }) => id === idOrName) ?? rows[0];
    return meant ? fromRow(meant) : null;
  }

  /** Verified or not: for an operator, never for a caller. */
  async namesOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.database.service.findMany({
      where: { id: { in: [...ids] } },
      select: { id: true, name: true },
    });
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  /** All of them, the oldest first, read in batches. */
  async *list(): AsyncGenerator<StoredService[]> {
    yield* this.#verifiedBatches({});
  }

  /** A page of them, the oldest first, verified or not: for an operator, never for a caller. */
  async page(after: ServicePosition | null, limit: number): Promise<Page<ListedService, ServicePosition>> {
    const before = new Set(this.#revoked);
    const rows = await this.database.service.findMany({
      where: after ? behind(after) : {},
      orderBy: OLDEST_FIRST,
      take: limit + 1,
    });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      items: shown.map((row) => ({ ...fromRow(row), isVerified: this.#fault(row, before) === null })),
      next: rows.length > limit && last ? { at: last.createdAt, id: last.id } : null,
    };
  }

  /** Those that may call, read in batches. */
  async *listActive(): AsyncGenerator<StoredService[]> {
    // One that was created since may be missing without a revocation; so may one that another listing read meanwhile.
    const activeBefore = this.#active;
    const active = new Set<string>();
    for await (const { rows, before } of this.#batches({ revokedAt: null })) {
      const verified = this.#verifiedOf(rows, before);
      for (const { id } of verified) active.add(id);
      // One that does not verify is not revoked: the key ring may be a wrong one for a while.
      for (const { id } of rows) if (activeBefore.has(id)) active.add(id);
      yield verified;
    }
    for (const id of activeBefore) if (!active.has(id)) this.#revoked.add(id);
    if (this.#active !== activeBefore) for (const id of this.#active) active.add(id);
    this.#active = new Set([...active].filter((id) => !this.#revoked.has(id)));
  }

  /** Rows that are not as the broker wrote them. They are not services; an operator must know of them. */
  async listUnverified(): Promise<StoredService[]> {
    const unverified: StoredService[] = [];
    for await (const { rows, before } of this.#batches({})) {
      unverified.push(...rows.filter((row) => this.#fault(row, before) !== null).map(fromRow));
    }
    return unverified;
  }

  /** @returns false when no active service has this id */
  async revoke(id: string, now: Date): Promise<boolean> {
    const isRevoked = await this.database.$transaction((tx) => revokeService(tx, this.sealer, id, now));
    if (isRevoked) this.#revoked.add(id);
    this.changes.publish({ kind: 'services' });
    return isRevoked;
  }

  async *#verifiedBatches(where: Prisma.ServiceWhereInput): AsyncGenerator<StoredService[]> {
    for await (const { rows, before } of this.#batches(where)) {
      yield this.#verifiedOf(rows, before);
    }
  }

  #verifiedOf(rows: readonly Row[], before: ReadonlySet<string>): StoredService[] {
    return rows.flatMap((row) => this.#verified(row, before) ?? []);
  }

  /** @param before which were known as revoked when the row was read */
  #verified(row: Row, before: ReadonlySet<string>): StoredService | null {
    const fault = this.#fault(row, before);
    if (fault !== null) {
      this.reporter.report({ kind: 'service', id: row.id, reason: fault });
      return null;
    }
    if (row.revokedAt) this.#revoked.add(row.id);
    return fromRow(row);
  }

  #fault(row: Row, before: ReadonlySet<string>): string | null {
    if (!isSigned(this.sealer, row)) {
      return row.mac === null
        ? 'The row has no MAC: it was added outside the broker, or by an older version (`token-broker keys reseal --adopt`).'
        : WRONG_MAC;
    }
    const isBack = row.revokedAt === null && before.has(row.id);
    return isBack ? 'The service was revoked, and its previous row was restored.' : null;
  }

  async *#batches(
    where: Prisma.ServiceWhereInput,
  ): AsyncGenerator<{ readonly rows: Row[]; readonly before: ReadonlySet<string> }> {
    let last: Row | undefined;
    do {
      const before = new Set(this.#revoked);
      const rows: Row[] = await this.database.service.findMany({
        where: { AND: [where, last ? behind({ at: last.createdAt, id: last.id }) : {}] },
        orderBy: OLDEST_FIRST,
        take: BATCH,
      });
      yield { rows, before };
      last = rows.length === BATCH ? rows.at(-1) : undefined;
    } while (last);
  }
}

function behind({ at, id }: ServicePosition): Prisma.ServiceWhereInput {
  return { OR: [{ createdAt: { gt: at } }, { createdAt: at, id: { gt: id } }] };
}
