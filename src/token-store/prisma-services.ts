import { Injectable } from '@nestjs/common';
import { ChangeFeed } from '../domain/ports/change-feed.js';
import { ServiceStore, type NewService, type StoredService } from '../domain/ports/service-store.js';
import { Database } from './database.js';
import type { Service as Row } from './prisma-client/client.js';
import { isUniqueViolation } from './unique-violation.js';

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
          audit: policy.audit,
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

  override async list(): Promise<StoredService[]> {
    const rows = await this.database.service.findMany({ orderBy: { createdAt: 'asc' } });
    return rows.map(fromRow);
  }

  override async revoke(idOrName: string, now: Date): Promise<boolean> {
    const { count } = await this.database.service.updateMany({
      where: { OR: [{ id: idOrName }, { name: idOrName }], revokedAt: null },
      data: { revokedAt: now },
    });
    this.changes.publish({ kind: 'services' });
    return count > 0;
  }
}

function fromRow({ clients, scopes, users, audit, keyHash, issuer, subject, ...row }: Row): StoredService {
  return {
    ...row,
    policy: { clients, scopes, users, audit },
    credential:
      keyHash === null
        ? { kind: 'identity', issuer: issuer ?? '', subject: subject ?? '' }
        : { kind: 'key', keyHash },
  };
}
