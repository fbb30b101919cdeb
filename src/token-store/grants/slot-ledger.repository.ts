import { Injectable } from '@nestjs/common';
import type { Policy } from '../../domain/access/policy.js';
import { type Account, type Grant, isDead, type NewRefreshToken } from '../../domain/grant/grant.js';
import type { LiveRefreshToken } from '../../domain/grant/slots.js';
import { alongIndex, CoveredUsers } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { Prisma } from '../prisma-client/client.js';
import { clientFilter, hasEmail, statusOf } from './grant-row.js';
import { BookRefreshToken, type UnusedOptions } from './book-refresh-token.js';
import { SlotBookings } from './slot-bookings.js';
import { IS_ACCOUNT_BY_GOOGLE, isNamedByCaller, live, usable } from './slot-rows.js';

/** At most so many accounts are checked before a connect. */
const MAX_SUSPECTS = 20;

/**
 * Reads the slot ledger: every refresh token that Google issued to the broker, by its keyed fingerprint. Which of Google's
 * slots are taken, and what ended a token. slot-bookings.ts writes the rows.
 */
@Injectable()
export class SlotLedgerRepository {
  constructor(
    private readonly database: Database,
    private readonly bookRefreshToken: BookRefreshToken,
    private readonly bookings: SlotBookings,
  ) {}

  /** The tokens that Google counts as live for one account and client, in the order in which they were booked. */
  liveTokens(accountSub: string, client: string, now: Date): Promise<LiveRefreshToken[]> {
    return this.#tokens(accountSub, client, live(now));
  }

  /**
   * As a grant shows them, and how many are live for its account across all clients: Google's limit on these is unpublished. Of an account
   * that only the caller of an import named, those of the same user: which others are of that account is not known, nor theirs to know.
   */
  async ofGrant(
    grant: Grant,
    now: Date,
  ): Promise<{ readonly live: LiveRefreshToken[]; readonly usedByAccount: number }> {
    const { userId, client, account } = grant;
    const counted = (await isNamedByCaller(this.database, grant)) ? { userId, ...usable(now) } : live(now);
    const [tokens, usedByAccount] = await Promise.all([
      this.#tokens(account.sub, client, counted),
      this.#ofAllUsers(() =>
        this.database.refreshToken.count({ where: { accountSub: account.sub, ...counted } }),
      ),
    ]);
    return { live: tokens, usedByAccount };
  }

  async #tokens(
    accountSub: string,
    client: string,
    counted: Prisma.RefreshTokenWhereInput,
  ): Promise<LiveRefreshToken[]> {
    const rows = await this.#ofAllUsers(() =>
      this.database.refreshToken.findMany({
        where: { accountSub, client, ...counted },
        orderBy: { sequence: 'asc' },
      }),
    );
    const ids = rows.flatMap(({ grantId }) => grantId ?? []);
    const grants = await this.#ofAllUsers(() =>
      this.database.grant.findMany({
        where: { accountSub, client, id: { in: ids } },
        select: { id: true, userId: true, status: true },
      }),
    );
    const byId = new Map(grants.map((grant) => [grant.id, grant]));
    return rows.map(({ grantId, issuedAt, ageUnknown, current }) => {
      const grant = byId.get(grantId ?? '');
      return {
        grantId: grant?.id ?? null,
        userId: grant?.userId ?? null,
        client,
        issuedAt,
        isAgeKnown: !ageUnknown,
        current: current && grant !== undefined && !isDead({ status: statusOf(grant.status) }),
      };
    });
  }

  #ofAllUsers<Result>(read: () => Promise<Result>): Promise<Result> {
    return this.database.aboutUser(null, read);
  }

  /**
   * The newest live token of a full account was booked when no slot was free. Such tokens are few; where there are more
   * than are checked here, the answer is yes, and a user signs in once more than necessary.
   * @param except an account that does not count; null: each counts
   */
  async isAnyAccountFull(
    client: string,
    limit: number,
    now: Date,
    except: string | null = null,
  ): Promise<boolean> {
    const suspects = await alongIndex<{ accountSub: string }>(
      this.database,
      Prisma.sql`SELECT account_sub AS "accountSub" FROM refresh_tokens
        WHERE client = ${client} AND slots_taken >= ${limit} AND ended_at IS NULL
          AND account_sub IS DISTINCT FROM ${except}::text
        ORDER BY slots_taken DESC LIMIT ${MAX_SUSPECTS}`,
    );
    for (const accountSub of new Set(suspects.map((token) => token.accountSub))) {
      if ((await this.liveTokens(accountSub, client, now)).length >= limit) return true;
    }
    return suspects.length === MAX_SUSPECTS;
  }

  /** The `sub` of an account that was seen before, by `sub` or email. */
  async findAccount(subOrEmail: string): Promise<string | null> {
    // A match by `sub` goes first; of an email that moved from one account to another, the last one counts.
    const [account] = await this.database.$queryRaw<{ accountSub: string }[]>`
      (SELECT account_sub AS "accountSub" FROM grants WHERE account_sub = ${subOrEmail} LIMIT 1)
      UNION ALL
      (SELECT account_sub FROM grants WHERE ${hasEmail(subOrEmail)} AND ${IS_ACCOUNT_BY_GOOGLE}
        ORDER BY consented_at DESC LIMIT 1)
      LIMIT 1`;
    return account?.accountSub ?? null;
  }

  /** The `sub` of an account that was seen before with this email in a grant that the policy covers. @param policy null: an operator's */
  async findAccountOfEmail(email: string, policy: Policy | null): Promise<string | null> {
    const { users, clients } = policy ?? { users: ['*'], clients: ['*'] };
    const [account] = await this.database.$queryRaw<{ accountSub: string }[]>`
      SELECT account_sub AS "accountSub" FROM grants
      WHERE ${hasEmail(email)} AND ${new CoveredUsers(users).predicate} AND ${clientFilter(clients)}
      ORDER BY consented_at DESC LIMIT 1`;
    return account?.accountSub ?? null;
  }

  /** Why the grant's refresh token ended, if the ledger knows. */
  async endReason({ userId, id: grantId }: Pick<Grant, 'userId' | 'id'>): Promise<string | null> {
    const row = await this.database.refreshToken.findFirst({
      where: { userId, grantId, current: true },
      orderBy: { sequence: 'desc' },
    });
    if (!row || row.endReason !== null) return row?.endReason ?? null;
    const { client, accountSub, issuedAt } = row;
    // It was issued while Google was revoking all grants of the account.
    const during = {
      accountSub,
      clients: { has: client },
      begunAt: { lte: issuedAt },
      finishedAt: { gte: issuedAt },
    };
    const before = {
      accountSub,
      clients: { has: client },
      outcome: 'unclear',
      finishedAt: { gte: issuedAt },
    };
    const revocation = await this.database.revocation.findFirst({
      where: { OR: [{ ...during, outcome: 'revoked' }, before] },
    });
    return revocation && 'revoked_with_sibling';
  }

  /** Books a token that becomes no grant: it takes a slot all the same. */
  async bookUnused(
    {
      userId,
      client,
      account,
    }: Pick<Grant, 'userId' | 'client'> & { readonly account: Pick<Account, 'sub'> },
    answer: NewRefreshToken,
    now: Date,
    options: UnusedOptions = {},
  ): Promise<void> {
    if (answer.refreshToken === null) return;
    const unused = { userId, account, client, answer, now };
    await this.bookings.transaction((tx) => this.bookRefreshToken.bookUnused(tx, unused, options));
  }
}
