import { Injectable } from '@nestjs/common';
import { ChangeFeed } from '../domain/ports/change-feed.js';
import { IntegrityAlarm } from '../domain/ports/integrity-alarm.js';
import { Sealer } from '../domain/ports/sealer.js';
import { ServiceStore, type NewService, type StoredService } from '../domain/ports/service-store.js';
import { Database } from './database.js';
import type { Service as Row } from './prisma-client/client.js';
import { isSigned, serviceMac } from './service-mac.js';
import { isUniqueViolation } from './unique-violation.js';

/** A revoked service has no key hash any more; no key has an empty one. */
const NO_KEY = new Uint8Array();

/** Services carry a MAC. A row that was planted, widened or given another key does not exist for callers. */
@Injectable()
export class PrismaServices extends ServiceStore {
  /** The ids of services that this process saw revoked: a row from before that is put back whole is no service again. */
  readonly #revoked = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly alarm: IntegrityAlarm,
    private readonly changes: ChangeFeed,
  ) {
    super();
  }

  override async add({ policy, credential, ...service }: NewService): Promise<boolean> {
    const columns = {
      ...service,
      ...(credential.kind === 'key'
        ? { keyHash: new Uint8Array(credential.keyHash) }
        : { issuer: credential.issuer, subject: credential.subject }),
      clients: [...policy.clients],
      scopes: [...policy.scopes],
      users: [...policy.users],
      audit: policy.audit,
    };
    try {
      await this.database.$transaction(async (tx) => {
        // As the database keeps it, defaults included.
        const row = await tx.service.create({ data: columns });
        await tx.service.update({ where: { id: row.id }, data: { mac: serviceMac(this.sealer, row) } });
      });
      this.changes.publish({ kind: 'services' });
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }

  override async find(id: string): Promise<StoredService | null> {
    const before = new Set(this.#revoked);
    const row = await this.database.service.findUnique({ where: { id } });
    return row && this.#verified(row, before);
  }

  override async findByIdentity(issuer: string, subject: string): Promise<StoredService | null> {
    const before = new Set(this.#revoked);
    const row = await this.database.service.findFirst({ where: { issuer, subject, revokedAt: null } });
    return row && this.#verified(row, before);
  }

  override async list(): Promise<StoredService[]> {
    const before = new Set(this.#revoked);
    return (await this.#all()).flatMap((row) => this.#verified(row, before) ?? []);
  }

  override async listUnverified(): Promise<StoredService[]> {
    const before = new Set(this.#revoked);
    return (await this.#all()).filter((row) => this.#fault(row, before) !== null).map(fromRow);
  }

  override async revoke(idOrName: string, now: Date): Promise<boolean> {
    const revokedId = await this.database.$transaction(async (tx) => {
      // An id first: a row that somebody planted may be called like the id of another.
      const row =
        (await tx.service.findUnique({ where: { id: idOrName } })) ??
        (await tx.service.findUnique({ where: { name: idOrName } }));
      if (!row || row.revokedAt) return null;
      const ended = { ...row, revokedAt: now, keyHash: null };
      // Whoever takes the revocation back needs the old hash as well as the old MAC: both are gone.
      const { count } = await tx.service.updateMany({
        where: { id: row.id, revokedAt: null },
        data: { revokedAt: now, keyHash: null, mac: serviceMac(this.sealer, ended) },
      });
      return count > 0 ? row.id : null;
    });
    if (revokedId !== null) this.#revoked.add(revokedId);
    this.changes.publish({ kind: 'services' });
    return revokedId !== null;
  }

  #all(): Promise<Row[]> {
    return this.database.service.findMany({ orderBy: { createdAt: 'asc' } });
  }

  /** @param before which were known as revoked when the row was read */
  #verified(row: Row, before: ReadonlySet<string>): StoredService | null {
    const fault = this.#fault(row, before);
    if (fault !== null) {
      this.alarm.raise({ kind: 'service', id: row.id, reason: fault });
      return null;
    }
    if (row.revokedAt) this.#revoked.add(row.id);
    return fromRow(row);
  }

  #fault(row: Row, before: ReadonlySet<string>): string | null {
    if (!isSigned(this.sealer, row)) {
      return row.mac === null
        ? 'The row has no MAC: it was added past the broker, or by an older version (`token-broker keys reseal --adopt`).'
        : 'The row has a wrong MAC: it was changed outside the broker, or signed with another key ring.';
    }
    const isBack = row.revokedAt === null && before.has(row.id);
    return isBack ? 'The service was revoked, and its row from before was put back.' : null;
  }
}

function fromRow({
  clients,
  scopes,
  users,
  audit,
  keyHash,
  issuer,
  subject,
  mac: _,
  ...row
}: Row): StoredService {
  return {
    ...row,
    policy: { clients, scopes, users, audit },
    credential:
      issuer === null
        ? { kind: 'key', keyHash: keyHash ?? NO_KEY }
        : { kind: 'identity', issuer, subject: subject ?? '' },
  };
}
