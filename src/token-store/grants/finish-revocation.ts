import { Injectable } from '@nestjs/common';
import { REVOKED_WITH_SIBLING } from '../../domain/grant/diagnosis.js';
import type { Grant } from '../../domain/grant/grant.js';
import {
  requesterOf,
  type RevocationAttempt,
  type RevocationEnd,
  type RevocationRequester,
} from '../../domain/grant/revocation.js';
import { toAuditRow, writeAuditRows } from '../audit/audit-rows.js';
import { changeByUser, userCondition, type UserOrAll, whereUser } from '../client/change-by-user.js';
import { Database } from '../client/database.js';
import { Outbox } from '../outbox/outbox.js';
import { type Grant as Row, Prisma, type Revocation } from '../prisma-client/client.js';
import { deadColumns, deleteGrant, disconnected } from './dead-grants.js';
import { fromRow } from './grant-row.js';
import { ResealCredentials } from './reseal-credentials.js';
import { consents, hasTokenUpTo, isConcerned, newestDead, whereConcerned } from './revocation-marks.js';
import { countAudited, endSiblingSlots, endSlots, keepConfirmed } from './revoked-slots.js';
import { SlotBookings } from './slot-bookings.js';

type Transaction = Prisma.TransactionClient;

export interface RevokedGrants {
  readonly revoked: readonly Grant[];
  /** Whether the disconnected grant got its audit event: it was still there. */
  readonly isAudited: boolean;
  readonly changed: readonly Pick<Grant, 'userId' | 'client'>[];
}

type Attempt = Pick<RevocationAttempt, 'id' | 'lastSequence'>;

/**
 * Writes the end of a revocation (client/change-by-user.ts: in how many transactions), with a constant number of statements in each. Locks
 * in the order revocation, account, grants. A grant whose user consented after the attempt that Google confirmed had begun stays
 * active, also where a later attempt marked it; its access tokens are deleted, because only a request to Google shows whether the
 * revocation came before or after that consent.
 */
@Injectable()
export class FinishRevocation {
  constructor(
    private readonly database: Database,
    private readonly ledger: SlotBookings,
    private readonly resealCredentials: ResealCredentials,
    private readonly outbox: Outbox,
  ) {}

  /** @returns as `#lock` does */
  async finish(
    attempt: Attempt,
    end: RevocationEnd,
    now: Date,
    by: RevocationRequester | null,
  ): Promise<RevokedGrants | null> {
    const revoked: Grant[] = [];
    const changed: Pick<Grant, 'userId' | 'client'>[] = [];
    let isAudited = false;
    let endedBefore = 0;
    return changeByUser(this.database, {
      first: async (tx) => {
        if (end.outcome !== 'revoked' || !this.database.isDistributed()) return true;
        const revocation = await this.#lock(tx, attempt, end);
        if (!revocation) return false;
        // Once the first user's part is committed, Google cannot tell any more: all tokens are dead.
        await keepConfirmed(tx, attempt.id, newestDead(revocation, end.isInferred));
        if (revocation.confirmed) endedBefore = await countAudited(tx, revocation);
        return true;
      },
      users: (database) => this.#users(database, attempt.id),
      each: async (tx, user) => {
        const revocation = await this.#lock(tx, attempt, end);
        if (!revocation) return;
        await tx.$queryRaw`SELECT id FROM grants
          WHERE ${userCondition(user)} AND ${isConcerned(revocation)} ORDER BY id FOR UPDATE`;
        const ended = end.outcome === 'revoked' ? await this.#revoke(tx, user, revocation, end, now) : [];
        revoked.push(...ended);
        const target = await this.#delete(tx, user, revocation, now);
        const restored = await this.#restore(tx, user, revocation);
        const later = end.outcome === 'already_dead' ? [] : await this.#askAgain(tx, user, revocation);
        const requested = { ...revocation, requestedBy: by ?? revocation.requestedBy };
        await this.#audit(tx, requested, { ended, count: endedBefore + revoked.length }, target, now);
        isAudited ||= target !== null;
        changed.push(...ended, ...(target ? [target] : []), ...restored, ...later);
      },
      lock: async (tx) => {
        await this.#lock(tx, attempt, end);
      },
      last: async (tx) => {
        const revocation = await this.#lock(tx, attempt, end);
        if (!revocation) return null;
        if (end.outcome === 'revoked')
          await endSlots(tx, revocation, newestDead(revocation, end.isInferred), now);
        await tx.revocation.updateMany({
          where: { id: attempt.id },
          data: { finishedAt: now, outcome: end.outcome, sealedToken: null, attemptId: null },
        });
        return { revoked, isAudited, changed };
      },
    });
  }

  /** The user whose grant was disconnected is last in the list: how many others ended with it is known then. */
  async #users(database: Transaction, id: string): Promise<Map<string, string>> {
    const revocation = await database.revocation.findFirst({ where: { id, finishedAt: null } });
    if (!revocation) return new Map();
    const rows = await database.grant.findMany({
      where: whereConcerned(revocation),
      select: { userId: true, id: true, consentedAt: true },
      orderBy: { id: 'asc' },
    });
    const target = rows.find((row) => row.id === revocation.grantId)?.userId;
    const isOfTarget = ({ userId }: { userId: string }) => userId === target;
    return consents([...rows.filter((row) => !isOfTarget(row)), ...rows.filter(isOfTarget)]);
  }

  /**
   * Lock order: the revocation, the account, its grants, as in taking an attempt.
   * @returns null when it is finished, or another attempt knows that Google revoked, and this one does not
   */
  async #lock(
    tx: Transaction,
    { id, lastSequence }: Attempt,
    end: RevocationEnd,
  ): Promise<Revocation | null> {
    await tx.$queryRaw`SELECT id FROM revocations WHERE id = ${id}::uuid FOR UPDATE`;
    const open = { id, finishedAt: null, ...(end.outcome === 'revoked' ? {} : { confirmed: false }) };
    const revocation = await tx.revocation.findFirst({ where: open });
    if (revocation) await this.ledger.lockAll(tx, revocation.accountSub, revocation.clients);
    return revocation && { ...revocation, lastSequence };
  }

  async #revoke(
    tx: Transaction,
    user: UserOrAll,
    revocation: Revocation,
    { isInferred }: RevocationEnd,
    now: Date,
  ): Promise<Grant[]> {
    const { grantId, consentedAt, accountSub, clients } = revocation;
    const newest = newestDead(revocation, isInferred);
    const diagnosis = isInferred
      ? { ...REVOKED_WITH_SIBLING, confidence: 'inferred' as const }
      : REVOKED_WITH_SIBLING;
    // Also grants that other revocations of the account have marked: this one ended them all.
    const found = await tx.$queryRaw<{ id: string }[]>`
      SELECT grants.id FROM grants
      WHERE ${userCondition(user)} AND account_sub = ${accountSub} AND client = ANY(${clients}) AND revocation_id IS NOT NULL
        AND NOT (id = ${grantId}::uuid AND consented_at = ${consentedAt.toISOString()}::timestamptz)
        AND ${hasTokenUpTo(newest)}`;
    const ids = found.map((row) => row.id);
    if (ids.length === 0) return [];
    const where = { ...whereUser(user), id: { in: ids } };
    const grants = (await tx.grant.findMany({ where })).map(fromRow);
    await tx.grant.updateMany({
      where,
      data: { ...deadColumns('revoked', diagnosis), version: { increment: 1 } },
    });
    await endSiblingSlots(tx, user, ids, newest, now);
    const revoked = grants.map((grant): Grant => ({ ...grant, status: 'revoked', diagnosis }));
    await this.outbox.notifyAll(tx, 'grant.reconnect_required', revoked, now);
    return revoked;
  }

  /** Deletes the grant that was disconnected, unless its user consented again since. */
  async #delete(
    tx: Transaction,
    user: UserOrAll,
    { grantId, consentedAt, clients }: Revocation,
    now: Date,
  ): Promise<Grant | null> {
    const row = await tx.grant.findFirst({ where: { ...whereUser(user), id: grantId, consentedAt } });
    if (!row) return null;
    const target = disconnected(fromRow(row));
    // Alone: whether the tokens before were of the same account is not known.
    const isAlone = clients.length === 0;
    await tx.refreshToken.updateMany({
      where: { userId: target.userId, grantId, endedAt: null, ...(isAlone ? { current: true } : {}) },
      data: { endedAt: now, endReason: 'revoked' },
    });
    await deleteGrant(tx, target, target.refreshedAt ?? target.consentedAt);
    await this.outbox.notify(tx, 'grant.disconnected', target, now, { revoked_at_google: true });
    return target;
  }

  /** Restores grants that this revocation did not end, or hands them to another revocation that concerns them. */
  async #restore(tx: Transaction, user: UserOrAll, { id, accountSub }: Revocation): Promise<Row[]> {
    const before = await tx.grant.findMany({ where: { ...whereUser(user), revocationId: id } });
    if (before.length === 0) return [];
    const others = await tx.revocation.findMany({
      where: { accountSub, finishedAt: null, id: { not: id } },
      orderBy: { begunAt: 'asc' },
    });
    const next = (row: Row) => others.find(({ clients }) => clients.includes(row.client))?.id ?? null;
    for (const to of new Set(before.map(next))) {
      const ids = before.filter((row) => next(row) === to).map((row) => row.id);
      await tx.$executeRaw`
        UPDATE grants SET version = version + 1, revocation_id = ${to}::uuid,
          status = CASE WHEN ${to === null} THEN revoking_from ELSE status END,
          revoking_from = CASE WHEN ${to === null} THEN NULL ELSE revoking_from END
        WHERE ${userCondition(user)} AND id = ANY(${ids}::uuid[])`;
    }
    await this.resealCredentials.reseal(tx, user, before);
    return before;
  }

  async #askAgain(
    tx: Transaction,
    user: UserOrAll,
    { accountSub, clients }: Revocation,
  ): Promise<{ userId: string; client: string }[]> {
    const unmarked = Prisma.sql`account_sub = ${accountSub} AND client = ANY(${clients}) AND kind = 'user'
      AND revocation_id IS NULL`;
    await tx.$executeRaw`DELETE FROM access_tokens USING grants
      WHERE ${userCondition(user, 'access_tokens.user_id')} AND ${userCondition(user, 'grants.user_id')}
        AND grants.user_id = access_tokens.user_id AND grants.id = grant_id AND ${unmarked}`;
    return tx.$queryRaw`
      UPDATE grants SET version = version + 1 WHERE ${userCondition(user)} AND ${unmarked} AND status = 'active'
      RETURNING user_id AS "userId", client`;
  }

  /** One event for each user whose grant ended. */
  async #audit(
    tx: Transaction,
    { id, grantId, requestedBy }: Pick<Revocation, 'id' | 'grantId'> & { readonly requestedBy: unknown },
    also: { readonly ended: readonly Grant[]; /** With those of other users. */ readonly count: number },
    target: Grant | null,
    at: Date,
  ): Promise<void> {
    const { by, page } = requesterOf(requestedBy);
    const common = { at, action: 'grant.disconnect', outcome: 'ok', ...by } as const;
    const rows = also.ended.map((grant) =>
      toAuditRow({
        ...common,
        userId: grant.userId,
        client: grant.client,
        grantId: grant.id,
        // Which grant it was stands in the audit trail of the other user.
        details: { with_sibling: true, revocation: id },
      }),
    );
    if (target) {
      const details = { mode: 'revoke', ...(also.count > 0 ? { also_revoked: also.count } : {}), ...page };
      rows.push(toAuditRow({ ...common, userId: target.userId, client: target.client, grantId, details }));
    }
    if (rows.length === 0) return;
    const { text, values } = writeAuditRows(this.database, rows);
    await tx.$executeRawUnsafe(text, ...values);
  }
}
