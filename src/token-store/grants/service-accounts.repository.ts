import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { uuidOf } from '../../domain/cell.js';
import { scopeSet } from '../../domain/google/scopes.js';
import type { Account, Grant } from '../../domain/grant/grant.js';
import type { Secret } from '../../domain/secret.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { isUniqueViolation } from '../client/database-error.js';
import { Database } from '../client/database.js';
import { Outbox } from '../outbox/outbox.js';
import { type Grant as Row, Prisma } from '../prisma-client/client.js';
import { CredentialSealer } from './credential-sealer.js';
import { fromRow, NO_LEASE } from './grant-row.js';

/** A service account's key, given to the broker for one user of the app. */
export interface KeyDeposit {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  readonly subject: string | null;
  readonly scopes: readonly string[];
  /** The JSON file of Google's console. */
  readonly key: Secret;
  /** Whether it may take the place of what is held. */
  readonly replace: boolean;
  readonly now: Date;
}

const BATCH = 500;

/**
 * Keys of service accounts: rows of `grants` that hold a key where others hold a refresh token. One transaction locks the row
 * and writes grant, seal and event. Their tokens: refresh-lease.repository.ts; deleting them: grants.repository.ts.
 */
@Injectable()
export class ServiceAccountsRepository {
  constructor(
    private readonly database: Database,
    private readonly credentials: CredentialSealer,
    private readonly outbox: Outbox,
    private readonly changes: ChangeFeed,
    private readonly settings: Settings,
  ) {}

  /** Deletes the tokens of a former key. @returns null when one is held and may not be replaced */
  async keep(deposit: KeyDeposit) {
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

  /** All of them, the oldest first, read in batches. */
  async *list(): AsyncGenerator<Grant[]> {
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
      const id = stored?.id ?? uuidOf(this.settings.cell, randomUUID());
      const columns = {
        client,
        accountSub: account.sub,
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
        where: { userId_id: { userId, id } },
        create: { ...columns, userId, id, kind: 'service_account', createdAt: now },
        // A refresh under way with the former key is discarded.
        update: columns,
      });
      const grant = fromRow(unsealed);
      await tx.grant.updateMany({ where: { userId, id }, data: await this.credentials.seal(grant, key) });
      await tx.accessToken.deleteMany({ where: { userId, grantId: id } });
      if (!stored) await this.outbox.notify(tx, 'grant.connected', grant, now);
      return { grant, replaced: stored !== null };
    });
  }
}
