import { Injectable } from '@nestjs/common';
import { alongIndex } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { Prisma, type RefreshToken } from '../prisma-client/client.js';
import { BookRefreshToken } from './book-refresh-token.js';
import { fromRow } from './grant-row.js';
import { SlotBookings } from './slot-bookings.js';
import { UNCOUNTED } from './slot-counts.js';

type Uncounted = Pick<
  RefreshToken,
  'userId' | 'fingerprint' | 'sequence' | 'accountSub' | 'accountVerified' | 'grantId' | 'ageUnknown'
>;

/** Of one client, in one run. */
const MAX_TOKENS = 1000;
/** Whatever booked a token has counted its slots by then, or failed to. */
const SETTLED_MS = 60_000;
/** A server is away: the others would fail as well, and each holds the lock of its account meanwhile. */
const MAX_FAILURES = 3;

/**
 * Tokens in the slot ledger whose slots were not counted: on a cluster, where a server was away then; and those of an account that
 * could not be verified. Each would make its account look full. Does not own how slots are counted (slot-counts.ts).
 */
@Injectable()
export class UncountedSlotsRepository {
  /** By client: accounts whose count failed and was not repeated with success. */
  readonly #failed = new Map<string, Set<string>>();

  constructor(
    private readonly database: Database,
    private readonly bookings: SlotBookings,
    private readonly bookRefreshToken: BookRefreshToken,
  ) {}

  /**
   * Counts them, account by account; those of the accounts that failed before come last.
   * @throws what the first of those that failed threw: they are counted at a later run
   */
  async countAll(clients: readonly string[], now: Date, shutdown: AbortSignal): Promise<void> {
    const failures: unknown[] = [];
    const count = async (client: string, failed: Set<string>, isAgain: boolean) => {
      const accounts = Map.groupBy(
        await this.#find(client, [...failed], isAgain, now),
        ({ accountSub }) => accountSub,
      );
      // The longest ago first. What is not found any more has no slots to be counted.
      for (const accountSub of isAgain ? [...failed] : accounts.keys()) {
        if (shutdown.aborted || failures.length >= MAX_FAILURES) break;
        failed.delete(accountSub);
        await this.#count(client, accounts.get(accountSub) ?? [], now).catch((error: unknown) => {
          failures.push(error);
          failed.add(accountSub);
        });
      }
    };
    for (const isAgain of [false, true])
      for (const client of clients) {
        if (shutdown.aborted || failures.length >= MAX_FAILURES) break;
        await count(client, this.#failedOf(client), isAgain);
      }
    if (failures.length > 0) throw failures[0];
  }

  #failedOf(client: string): Set<string> {
    const failed = this.#failed.get(client) ?? new Set();
    this.#failed.set(client, failed);
    return failed;
  }

  #find(client: string, failed: readonly string[], isAgain: boolean, now: Date): Promise<Uncounted[]> {
    if (isAgain && failed.length === 0) return Promise.resolve([]);
    return alongIndex<Uncounted>(
      this.database,
      Prisma.sql`SELECT user_id AS "userId", fingerprint, sequence, account_sub AS "accountSub", account_verified AS "accountVerified",
          grant_id AS "grantId", age_unknown AS "ageUnknown"
        FROM refresh_tokens WHERE client = ${client} AND slots_taken = ${UNCOUNTED} AND ended_at IS NULL
          AND last_used_at < ${new Date(now.getTime() - SETTLED_MS)}
          AND (account_sub = ANY (${failed}::text[])) = ${isAgain} LIMIT ${MAX_TOKENS}`,
    );
  }

  /** The newest token of an account as after its booking; the others get the same count. */
  async #count(client: string, tokens: readonly Uncounted[], now: Date): Promise<void> {
    const [newest, ...others] = tokens.toSorted((a, b) => (a.sequence > b.sequence ? -1 : 1));
    if (!newest) return;
    const { userId, fingerprint, accountSub, grantId } = newest;
    const taken = await this.bookings.later({ accountSub, client }, async (tx) => {
      const isUncounted = { userId, fingerprint, slotsTaken: UNCOUNTED };
      // Another replica may have been first.
      if ((await tx.refreshToken.count({ where: isUncounted })) === 0) return null;
      const grant = grantId === null ? null : await tx.grant.findFirst({ where: { userId, id: grantId } });
      const mayEvict = tokens.some((each) => each.accountVerified && !each.ageUnknown);
      const booked = { userId, fingerprint, accountSub, client, mayEvict, now };
      return this.bookings.count(tx, booked, async (counting, used) => {
        if (grant) await this.bookRefreshToken.warn(counting, fromRow(grant), used, now);
      });
    });
    if (taken === null) return;
    for (const other of others)
      await this.database.refreshToken.updateMany({
        where: { userId: other.userId, fingerprint: other.fingerprint, slotsTaken: UNCOUNTED },
        data: { slotsTaken: taken },
      });
  }
}
