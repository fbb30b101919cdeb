import { Injectable } from '@nestjs/common';
import { ChangeFeed } from '../domain/ports/change-feed.js';
import type { Right } from '../domain/policy.js';
import { ServiceStore, type NewService, type StoredService } from '../domain/ports/service-store.js';
import { Database } from './database.js';
import type { Prisma, Service as Row } from './prisma-client/client.js';
import { isUniqueViolation } from './unique-violation.js';

const BATCH = 500;

@Injectable()
export class PrismaServices extends ServiceStore {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeFeed,
  ) {
    super();
  }

  override async add({ policy, credential, ...service }: NewService): Promise<boolean> {
    try {
      await this.database.service.create({
        data: {
          ...service,
          ...(credential.kind === 'key'
            ? { keyHash: new Uint8Array(credential.keyHash) }
            : { issuer: credential.issuer, subject: credential.subject }),
          clients: [...policy.clients],
          scopes: [...policy.scopes],
          users: [...policy.users],
          ...rightsOf(policy),
        },
      });
      this.changes.publish({ kind: 'services' });
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }

  override async find(id: string): Promise<StoredService | null> {
    const row = await this.database.service.findUnique({ where: { id } });
    return row && fromRow(row);
  }

  override async findByIdentity(issuer: string, subject: string): Promise<StoredService | null> {
    const row = await this.database.service.findFirst({ where: { issuer, subject, revokedAt: null } });
    return row && fromRow(row);
  }

  override async findNamed(idOrName: string): Promise<StoredService | null> {
    const rows = await this.database.service.findMany({
      where: { OR: [{ id: idOrName }, { name: idOrName }] },
    });
    const meant = rows.find(({ id }) => id === idOrName) ?? rows[0];
    return meant ? fromRow(meant) : null;
  }

  override async *list(): AsyncGenerator<StoredService[]> {
    yield* this.#batches({});
  }

  override async *listActive(): AsyncGenerator<StoredService[]> {
    yield* this.#batches({ revokedAt: null });
  }

  override async revoke(id: string, now: Date): Promise<boolean> {
    const { count } = await this.database.service.updateMany({
      where: { id, revokedAt: null },
      data: { revokedAt: now },
    });
    this.changes.publish({ kind: 'services' });
    return count > 0;
  }

  async *#batches(where: Prisma.ServiceWhereInput): AsyncGenerator<StoredService[]> {
    let last: Row | undefined;
    do {
      const behind: Prisma.ServiceWhereInput = last
        ? { OR: [{ createdAt: { gt: last.createdAt } }, { createdAt: last.createdAt, id: { gt: last.id } }] }
        : {};
      const rows: Row[] = await this.database.service.findMany({
        where: { AND: [where, behind] },
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: BATCH,
      });
      yield rows.map(fromRow);
      last = rows.length === BATCH ? rows.at(-1) : undefined;
    } while (last);
  }
}

function fromRow(stored: Row): StoredService {
  const { id, name, createdAt, revokedAt, clients, scopes, users, keyHash, issuer, subject } = stored;
  return {
    id,
    name,
    createdAt,
    revokedAt,
    policy: { clients, scopes, users, ...rightsOf(stored) },
    credential:
      keyHash === null
        ? { kind: 'identity', issuer: issuer ?? '', subject: subject ?? '' }
        : { kind: 'key', keyHash },
  };
}

function rightsOf(held: Readonly<Record<Right, boolean>>): Record<Right, boolean> {
  const { audit, disconnect, revoke, force } = held;
  return { audit, disconnect, revoke, force };
}
