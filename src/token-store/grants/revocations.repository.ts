import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Grant } from '../../domain/grant/grant.js';
import { RevocationAttempt, RevocationEnd, RevocationRequester } from '../../domain/grant/revocation.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import type { Secret } from '../../domain/secret.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { changeByUser } from '../client/change-by-user.js';
import { Database } from '../client/database.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';
import { Prisma, type Revocation as Row } from '../prisma-client/client.js';
import { revocationTokenAad } from '../sealed/aad.js';
import { CredentialSealer } from './credential-sealer.js';
import { FinishRevocation, type RevokedGrants } from './finish-revocation.js';
import { fromRow, sealedFrom } from './grant-row.js';
import { keepNewest, newestToken, RevocationMarks, usersOf } from './revocation-marks.js';
import { keepConfirmed } from './revoked-slots.js';
import { SlotBookings } from './slot-bookings.js';
import { isNamedByCaller } from './slot-rows.js';

const DUE = Prisma.sql`next_attempt_at <= clock_timestamp()`;
/** A count that was changed in the database must not overflow, and stop other revocations. */
const MAX_ATTEMPTS = 1_000_000;
/** A caller who retries need not wait for the backoff, only for an attempt that may still be at Google. */
const NOT_UNDER_WAY = Prisma.sql`(attempt_id IS NULL OR next_attempt_at <= clock_timestamp())`;

/**
 * Revocations at Google, written before Google is asked. From `begin` to `finish` no replica issues a token of any grant
 * concerned. A consent unmarks its grant; the next attempt, which would end it at Google too, marks it again. Once Google confirmed, no
 * attempt asks it any more, and none marks.
 */
@Injectable()
export class RevocationsRepository {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly ledger: SlotBookings,
    private readonly credentials: CredentialSealer,
    private readonly marks: RevocationMarks,
    private readonly reporter: IntegrityReporter,
    private readonly finishRevocation: FinishRevocation,
    private readonly changes: ChangeFeed,
  ) {}

  /**
   * The other grants of the same account under these clients that are not dead, of any user: Google's slot limit bounds them. None where
   * only the caller of an import named the account.
   */
  async othersOf(grant: Grant, clients: readonly string[]): Promise<Grant[]> {
    if (await isNamedByCaller(this.database, grant)) return [];
    const rows = await this.database.grant.findMany({
      // Not `isDead`; a revocation under way is another column.
      where: {
        accountSub: grant.account.sub,
        client: { in: [...clients] },
        status: { in: ['active', 'suspended'] },
        id: { not: grant.id },
      },
    });
    return rows.map(fromRow);
  }

  /**
   * Marks a grant and the active grants of the same account under these clients (client/change-by-user.ts: in how many transactions). One
   * whose account only the caller of an import named is marked alone, and its revocation has no clients.
   * @returns `no_token` where there is nothing to revoke; null when the grant changed since it was read, or is being revoked
   */
  async begin(
    grant: Grant,
    clients: readonly string[],
    requester: RevocationRequester,
    leaseMs: number,
    now: Date,
  ): Promise<{ attempt: RevocationAttempt; siblings: readonly Grant[] } | 'no_token' | null> {
    const { consentedAt } = grant;
    const row = await this.database.grant.findFirst({
      where: { userId: grant.userId, id: grant.id, consentedAt },
    });
    if (!row) return null;
    if (row.sealedRefreshToken === null) return 'no_token';
    const { sealedRefreshToken: sealed, credentialVersion } = row;
    const token = await this.credentials.open(sealedFrom(row), { sealed, credentialVersion });
    const [id, attemptId] = [randomUUID(), randomUUID()];
    const sub = grant.account.sub;
    const isAlone = await isNamedByCaller(this.database, grant);
    const all = isAlone ? [] : [...clients].sort();
    const bound = { id, grantId: grant.id, consentedAt, accountSub: sub, clients: all };
    const sealedToken = await this.sealer.seal(token, revocationTokenAad(bound));
    let newest = 0n;
    const marked = await changeByUser(this.database, {
      first: async (tx) => {
        await this.ledger.lockAll(tx, sub, isAlone ? [grant.client] : all);
        // A consent in between wins: it brought another token.
        const current = await tx.grant.count({
          where: { userId: grant.userId, id: grant.id, sealedRefreshToken: row.sealedRefreshToken },
        });
        if (current === 0) return false;
        newest = await newestToken(tx, sub, all);
        const begun = await tx.$executeRaw`
          INSERT INTO revocations (id, grant_id, consented_at, account_sub, clients, sealed_token, requested_by, begun_at,
            attempt_id, next_attempt_at, first_sequence, last_sequence)
          SELECT ${id}::uuid, ${grant.id}::uuid, ${consentedAt}, ${sub}, ${all}, ${sealedToken},
            ${JSON.stringify(requester)}::jsonb, ${now.toISOString()}::timestamptz, ${attemptId}::uuid,
            clock_timestamp() + ${leaseMs} * interval '1 millisecond', ${newest}::bigint, ${newest}::bigint
          WHERE NOT EXISTS (SELECT 1 FROM revocations AS other WHERE other.grant_id = ${grant.id}::uuid
            AND other.consented_at = ${consentedAt} AND other.finished_at IS NULL)`;
        return begun > 0;
      },
      users: (database) => usersOf(database, bound),
      each: async (tx, user) => {
        await this.marks.mark(tx, user, bound);
      },
      last: async (tx) => {
        newest = await keepNewest(tx, { id, accountSub: sub, clients: all }, attemptId);
        return tx.grant.findMany({ where: { revocationId: id } });
      },
    });
    if (marked === null) return null;
    const grants = marked.map(fromRow);
    this.#publish(grants);
    const first = { attempts: 1, isConfirmed: false, lastSequence: newest };
    const attempt = { id, attemptId, grantId: grant.id, accountSub: sub, token, ...first };
    return { attempt, siblings: grants.filter((each) => each.id !== grant.id) };
  }

  /**
   * Takes the next attempt at the revocation of this grant. @returns `busy` while another replica asks; null: there is none
   */
  async resume(grantId: string, leaseMs: number): Promise<RevocationAttempt | 'busy' | null> {
    const mine = Prisma.sql`grant_id = ${grantId}::uuid`;
    const taken = await this.#take(Prisma.sql`${mine} AND ${NOT_UNDER_WAY}`, leaseMs);
    if (taken) return taken;
    const left = await this.database.revocation.count({ where: { grantId, finishedAt: null } });
    return left > 0 ? 'busy' : null;
  }

  /** Takes an attempt that is due, of any replica. */
  takeDue(leaseMs: number): Promise<RevocationAttempt | null> {
    return this.#take(DUE, leaseMs);
  }

  /**
   * Ends an attempt without a result; the next one may begin after the backoff.
   * @param isCounted false where it is as if it had not been
   */
  async postpone({ id, attemptId }: RevocationAttempt, backoffMs: number, isCounted: boolean): Promise<void> {
    await this.database.$executeRaw`
      UPDATE revocations SET attempt_id = NULL, attempts = attempts - ${isCounted ? 0 : 1}, next_attempt_at = clock_timestamp() + ${backoffMs} * interval '1 millisecond'
      WHERE id = ${id}::uuid AND attempt_id = ${attemptId}::uuid AND finished_at IS NULL`;
  }

  /** Records that Google confirmed, where finishing failed. Another attempt may have begun since, and took newer tokens in. */
  async confirm({ id, lastSequence }: RevocationAttempt): Promise<void> {
    await keepConfirmed(this.database, id, lastSequence);
  }

  /**
   * Writes the consequences for all grants: statuses, tokens, the slot ledger, events, the audit trail (client/change-by-user.ts: in how
   * many transactions).
   * @param by the request that waits for it, for the audit trail; null: the one that began it
   * @returns null when another replica finished before; `open` where it is not finished: another attempt knows that Google revoked, and
   * this one does not
   */
  async finish(
    attempt: RevocationAttempt,
    end: RevocationEnd,
    now: Date,
    by: RevocationRequester | null,
  ): Promise<RevokedGrants | 'open' | null> {
    const finished = await this.finishRevocation.finish(attempt, end, now, by);
    if (finished) {
      this.#publish(finished.changed);
      return finished;
    }
    const left = await this.database.revocation.count({ where: { id: attempt.id, finishedAt: null } });
    return left > 0 ? 'open' : null;
  }

  /** Deletes those that were finished before a time. */
  async prune(before: Date, shutdown?: AbortSignal): Promise<void> {
    const old = { where: { finishedAt: { lt: before } }, limit: MAX_BATCH_ROWS };
    await inBatches(async () => (await this.database.revocation.deleteMany(old)).count, shutdown);
  }

  /** Takes one attempt, and marks again where Google is asked: grants consented to since the last one end with it. */
  async #take(which: Prisma.Sql, leaseMs: number): Promise<RevocationAttempt | null> {
    const attemptId = randomUUID();
    const attempt: { revocation?: Row; token?: Secret } = {};
    const marked: string[] = [];
    const taken = await changeByUser(this.database, {
      first: async (tx) => {
        const [row] = await tx.$queryRaw<{ id: string }[]>`
          SELECT id FROM revocations WHERE finished_at IS NULL AND ${which}
          ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
        if (!row) return false;
        const revocation = await tx.revocation.findUniqueOrThrow({ where: row });
        const { id, accountSub, clients, confirmed } = revocation;
        await this.ledger.lockAll(tx, accountSub, clients);
        if (!confirmed) revocation.lastSequence = await newestToken(tx, accountSub, clients);
        await tx.$executeRaw`
          UPDATE revocations SET attempts = least(attempts, ${MAX_ATTEMPTS}) + 1, attempt_id = ${attemptId}::uuid,
            next_attempt_at = clock_timestamp() + ${leaseMs} * interval '1 millisecond',
            last_sequence = ${revocation.lastSequence}
          WHERE id = ${id}::uuid`;
        // A row that the broker did not write marks nothing.
        const token = await this.#open(revocation);
        Object.assign(attempt, { revocation, token });
        return token !== null;
      },
      users: async (database) => {
        const { revocation } = attempt;
        if (!revocation || revocation.confirmed) return new Map();
        return usersOf(database, revocation);
      },
      each: async (tx, user) => {
        const { revocation } = attempt;
        if (!revocation || revocation.confirmed) return;
        marked.push(...(await this.marks.mark(tx, user, revocation)));
      },
      last: async (tx) => {
        const { revocation: row } = attempt;
        if (row?.confirmed === false) row.lastSequence = await keepNewest(tx, row, attemptId);
        return tx.grant.findMany({ where: { id: { in: marked } } });
      },
    });
    const { revocation, token } = attempt;
    if (!taken || !revocation || !token) return null;
    this.#publish(taken.map(fromRow));
    const { id, grantId, accountSub, attempts, confirmed: isConfirmed, lastSequence } = revocation;
    return { id, attemptId, grantId, accountSub, token, attempts: attempts + 1, isConfirmed, lastSequence };
  }

  /** @returns null, with an alarm, where it does not open: it is retried later and does not block others */
  async #open(row: Row): Promise<Secret | null> {
    try {
      return await this.sealer.open(row.sealedToken ?? '', revocationTokenAad(row));
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.reporter.report({ kind: 'revocation', id: row.id, reason: error.message });
      return null;
    }
  }

  #publish(grants: readonly Pick<Grant, 'userId' | 'client'>[]): void {
    for (const { userId, client } of grants) this.changes.publish({ kind: 'grant', userId, client });
  }
}
