import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Grant } from '../domain/grant.js';
import { ChangeFeed } from '../domain/ports/change-feed.js';
import { ServiceAccountStore, type KeyDeposit } from '../domain/ports/service-account-store.js';
import { scopeSet } from '../domain/scopes.js';
import { Credentials } from './credentials.js';
import { Database } from './database.js';
import { fromRow, NO_LEASE } from './grant-row.js';
import { Outbox } from './outbox.js';
import { Prisma, type Grant as Row } from './prisma-client/client.js';
import { isUniqueViolation } from './unique-violation.js';

const BATCH = 500;

/** Keys of service accounts: rows of `grants` that hold a key where others hold a refresh token. */
@Injectable()
export class PrismaServiceAccounts extends ServiceAccountStore {
  constructor(
    private readonly database: Database,
    private readonly credentials: Credentials,
    private readonly outbox: Outbox,
    private readonly changes: ChangeFeed,
  ) {
    super();
  }

  override async keep(deposit: KeyDeposit) {
    try {
      const kept = await this.#keep(deposit);
      if (kept) this.changes.publish({ kind: 'grant', userId: deposit.userId, client: deposit.client });
      return kept;
    } catch (error) {
      // Another added it in the same moment.
      if (isUniqueViolation(error)) return null;
      throw error;
    }
  }

  override async *list(): AsyncGenerator<Grant[]> {
    let last: Row | undefined;
    do {
      const behind: Prisma.GrantWhereInput = last
        ? { OR: [{ createdAt: { gt: last.createdAt } }, { createdAt: last.createdAt, id: { gt: last.id } }] }
        : {};
      const rows: Row[] = await this.database.grant.findMany({
        where: { AND: [{ kind: 'service_account' }, behind] },
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: BATCH,
      });
      yield rows.map(fromRow);
      last = rows.length === BATCH ? rows.at(-1) : undefined;
    } while (last);
  }

  #keep({ userId, client, account, subject, scopes, key, replace, now }: KeyDeposit) {
    return this.database.$transaction(async (tx) => {
      const identity = { userId, client, accountSub: account.sub };
      await tx.$queryRaw`SELECT id FROM grants WHERE user_id = ${userId} AND client = ${client}
        AND account_sub = ${account.sub} FOR UPDATE`;
      const stored = await tx.grant.findUnique({ where: { userId_client_accountSub: identity } });
      if (stored && !(replace && stored.kind === 'service_account')) return null;
      const id = stored?.id ?? randomUUID();
      const columns = {
        ...identity,
        version: (stored?.version ?? 0) + 1,
        accountEmail: account.email,
        subject,
        requestedScopes: scopeSet(scopes),
        grantedScopes: scopeSet(scopes),
        status: 'active' as const,
        diagnosis: Prisma.DbNull,
        refreshTokenIssuedAt: now,
        consentedAt: now,
        ...NO_LEASE,
      };
      const unsealed = await tx.grant.upsert({
        where: { id },
        create: { ...columns, id, kind: 'service_account', createdAt: now },
        // A refresh under way with the key before is discarded.
        update: columns,
      });
      const grant = fromRow(unsealed);
      await tx.grant.update({ where: { id }, data: await this.credentials.seal(grant, key) });
      await tx.accessToken.deleteMany({ where: { grantId: id } });
      if (!stored) await this.outbox.tell(tx, 'grant.connected', grant, now);
      return { grant, replaced: stored !== null };
    });
  }
}
