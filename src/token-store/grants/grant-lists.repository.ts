import { Injectable } from '@nestjs/common';
import type { Grant } from '../../domain/grant/grant.js';
import type { Page } from '../../domain/list-position.js';
import { alongIndex, boundedScan, CoveredUsers, merged, pageOf } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { type Grant as GrantRow, Prisma } from '../prisma-client/client.js';
import { clientFilter, fromRow } from './grant-row.js';

export type ListedRow = GrantRow & {
  readonly at: Date;
  readonly visible: boolean;
  readonly row_number: number;
};

/** What `fromRow` reads, and what lists filter by. */
export const COLUMNS = Prisma.raw(`id, kind, user_id AS "userId", client, account_sub AS "accountSub",
  account_email AS "accountEmail", subject, requested_scopes AS "requestedScopes", granted_scopes AS "grantedScopes",
  status, diagnosis, refresh_token_issued_at AS "refreshTokenIssuedAt",
  refresh_token_expires_at AS "refreshTokenExpiresAt", imported_at AS "importedAt", version, refreshes, created_at AS "createdAt", revocation_id AS "revocationId",
  consented_at AS "consentedAt", refreshed_at AS "refreshedAt", user_id, expiry_notified_at`);

const ORDER = Prisma.sql`at, id`;
const EXPIRY = Prisma.sql`expires_at`;
const EXPIRY_IN_TESTING = Prisma.sql`expires_at_in_testing`;

/**
 * The lists of grants, page by page. Each query reads along an index in the order of the list, and no more than a page needs.
 * Does not own how a page stays bounded (client/bounded-statements.ts) nor when a grant expires (domain/grant/expiry-forecast.ts).
 */
@Injectable()
export class GrantListsRepository {
  constructor(private readonly database: Database) {}

  /** A user's grants, the oldest first. */
  async ofUser({ userId, clients, after, limit }: GrantsOfUser): Promise<Page<Grant, GrantPosition>> {
    const rows = Prisma.sql`SELECT ${COLUMNS}, created_at AS at FROM grants
      WHERE user_id COLLATE "C" = ${userId} ${afterPosition(Prisma.sql`created_at`, after)}`;
    return this.#page(boundedScan({ rows, visible: clientFilter(clients), order: ORDER, limit }), limit);
  }

  /** Active grants that expire before a time if they are not used or renewed, the soonest first: by expiry-forecast.ts. */
  async expiring(query: ExpiringGrants): Promise<Page<Grant, GrantPosition>> {
    const users = new CoveredUsers(query.users);
    const isFew = await users.haveFewRows(this.database, 'grants');
    const rows = isFew ? ofUsers(query, users) : await this.#ofClients(query);
    if (rows === null) return { items: [], next: null };
    const visible = Prisma.sql`${users.predicate} AND ${clientFilter(query.clients)} AND ${noticeFilter(query)}`;
    return this.#page(boundedScan({ rows, visible, order: ORDER, limit: query.limit }), query.limit);
  }

  /** Each client has its index; PostgreSQL merges them. */
  async #ofClients({ clients, testingClients, until, after }: ExpiringGrants): Promise<Prisma.Sql | null> {
    const aliases = clients.includes('*') ? await this.#clientsWithExpiry() : [...new Set(clients)];
    if (aliases.length === 0) return null;
    const each = aliases.map((client) => {
      const at = testingClients.includes(client) ? EXPIRY_IN_TESTING : EXPIRY;
      return Prisma.sql`SELECT ${COLUMNS}, ${at} AS at FROM grants
        WHERE client = ${client} AND ${at} <= ${until} ${afterPosition(at, after)} ORDER BY ${at}, id`;
    });
    return merged(each);
  }

  /** The clients of grants that expire, by one index lookup for each. The settings may lack some of them. */
  async #clientsWithExpiry(): Promise<string[]> {
    if (this.database.isDistributed()) {
      const all = await this.database.$queryRaw<{ client: string }[]>`
        SELECT DISTINCT client FROM grants WHERE expires_at IS NOT NULL`;
      return all.map(({ client }) => client);
    }
    const rows = await alongIndex<{ client: string }>(
      this.database,
      Prisma.sql`
      WITH RECURSIVE found AS (
        (SELECT client FROM grants WHERE expires_at IS NOT NULL ORDER BY client LIMIT 1)
        UNION ALL
        SELECT (SELECT client FROM grants WHERE expires_at IS NOT NULL AND client > found.client ORDER BY client LIMIT 1)
        FROM found WHERE client IS NOT NULL
      ) SELECT client FROM found WHERE client IS NOT NULL`,
    );
    return rows.map(({ client }) => client);
  }

  async #page(query: Prisma.Sql, limit: number): Promise<Page<Grant, GrantPosition>> {
    const rows = await alongIndex<ListedRow>(this.database, query);
    return pageOf(rows, limit, fromRow, ({ at, id }) => ({ at, id }));
  }
}

function ofUsers({ testingClients, until, after }: ExpiringGrants, users: CoveredUsers): Prisma.Sql {
  return Prisma.sql`SELECT * FROM (
      SELECT ${COLUMNS}, CASE WHEN client = ANY(${[...testingClients]}::text[]) THEN ${EXPIRY_IN_TESTING} ELSE ${EXPIRY} END AS at
      FROM ${users.from('grants')}
    ) few WHERE at <= ${until} ${afterPosition(Prisma.sql`at`, after)}`;
}

function afterPosition(at: Prisma.Sql, after: GrantPosition | null): Prisma.Sql {
  return after === null ? Prisma.empty : Prisma.sql`AND (${at}, id) > (${after.at}, ${after.id}::uuid)`;
}

function noticeFilter({ isUnnotified }: ExpiringGrants): Prisma.Sql {
  return isUnnotified ? Prisma.sql`expiry_notified_at IS DISTINCT FROM at` : Prisma.sql`TRUE`;
}

/** A position in a list of grants: the time that it is sorted by, and the grant. */
export interface GrantPosition {
  readonly at: Date;
  readonly id: string;
}

interface GrantList {
  /** Aliases as a policy names them; `*` means any. */
  readonly clients: readonly string[];
  /** Where the last page ended; null for the first page. */
  readonly after: GrantPosition | null;
  readonly limit: number;
}

export interface GrantsOfUser extends GrantList {
  readonly userId: string;
}

export interface ExpiringGrants extends GrantList {
  /** Rules of a policy: user-rule.ts. */
  readonly users: readonly string[];
  readonly testingClients: readonly string[];
  readonly until: Date;
  /** Only grants whose expiry was not notified yet. */
  readonly isUnnotified: boolean;
}
