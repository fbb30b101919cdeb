import { Injectable } from '@nestjs/common';
import { REVOKED_WITH_SIBLING } from '../../domain/grant/diagnosis.js';
import type { Grant } from '../../domain/grant/grant.js';
import type { RevocationEnd, RevocationRequester } from '../../domain/grant/revocation.js';
import { toAuditRow, WRITE_AUDIT_ROWS } from '../audit/audit-rows.js';
import { Database } from '../client/database.js';
import { Outbox } from '../outbox/outbox.js';
import { Prisma, type Revocation } from '../prisma-client/client.js';
import { deadColumns, disconnected } from './end-grants.js';
import { fromRow } from './grant-row.js';
import { ResealCredentials } from './reseal-credentials.js';
import { SlotBookings } from './slot-bookings.js';

type Transaction = Prisma.TransactionClient;

export interface Finished {
  readonly revoked: readonly Grant[];
  readonly changed: readonly Pick<Grant, 'userId' | 'client'>[];
}

/** Holds for a grant whose refresh token is as old as the first attempt: dead if that attempt was carried out. */
export const PROBABLY_DEAD = Prisma.sql`coalesce((SELECT max(sequence) FROM refresh_tokens
  WHERE grant_id = grants.id AND current), 0) <= first_sequence`;

/**
 * Writes the end of a revocation in one transaction, with a constant number of statements. Locks in the order revocation,
 * account, grants. A grant whose user consented after the last attempt began is not marked and stays active; its access
 * tokens are deleted, because only a request to Google shows whether the revocation came before or after that consent.
 */
@Injectable()
export class FinishRevocation {
  constructor(
    private readonly database: Database,
    private readonly ledger: SlotBookings,
    private readonly resealCredentials: ResealCredentials,
    private readonly outbox: Outbox,
  ) {}

  /** @returns null when it is finished already */
  finish(id: string, end: RevocationEnd, now: Date, withAudit: boolean): Promise<Finished | null> {
    return this.database.$transaction(async (tx) => {
      // Lock order: the revocation, the account, its grants, as in taking an attempt.
      const [revocation] = await tx.revocation.updateManyAndReturn({
        where: { id, finishedAt: null },
        data: { finishedAt: now, outcome: end.outcome, sealedToken: null, attemptId: null },
      });
      if (!revocation) return null;
      const { accountSub, clients } = revocation;
      await this.ledger.lockAll(tx, accountSub, clients);
      await tx.$queryRaw`SELECT id FROM grants WHERE account_sub = ${accountSub} AND client = ANY(${clients})
        ORDER BY id FOR UPDATE`;
      const revoked = end.outcome === 'revoked' ? await this.#revoke(tx, revocation, end, now) : [];
      const target = await this.#forget(tx, revocation, now);
      const restored = await this.#restore(tx, revocation);
      const later = end.outcome === 'already_dead' ? [] : await this.#askAgain(tx, revocation);
      if (end.outcome === 'revoked') await this.#endSlots(tx, revocation, revoked, end, now);
      await this.#audit(tx, revocation, revoked, withAudit ? target : null, now);
      return { revoked, changed: [...revoked, ...(target ? [target] : []), ...restored, ...later] };
    });
  }

  async #revoke(
    tx: Transaction,
    { id, grantId, consentedAt, accountSub, clients }: Revocation,
    { isInferred }: RevocationEnd,
    now: Date,
  ): Promise<Grant[]> {
    const diagnosis = isInferred
      ? { ...REVOKED_WITH_SIBLING, confidence: 'inferred' as const }
      : REVOKED_WITH_SIBLING;
    // Also grants that other revocations of the account have marked: this one ended them all.
    const found = await tx.$queryRaw<{ id: string }[]>`
      SELECT grants.id FROM grants JOIN revocations ON revocations.id = ${id}::uuid
      WHERE grants.account_sub = ${accountSub} AND client = ANY(${clients}) AND revocation_id IS NOT NULL
        AND NOT (grants.id = ${grantId}::uuid AND grants.consented_at = ${consentedAt.toISOString()}::timestamptz)
        AND (NOT ${isInferred} OR ${PROBABLY_DEAD})`;
    const ids = found.map((row) => row.id);
    const where = { id: { in: ids } };
    const grants = (await tx.grant.findMany({ where })).map(fromRow);
    await tx.grant.updateMany({
      where,
      data: { ...deadColumns('revoked', diagnosis), version: { increment: 1 } },
    });
    await tx.refreshToken.updateMany({ where: { grantId: { in: ids } }, data: { mac: null } });
    const revoked = grants.map((grant): Grant => ({ ...grant, status: 'revoked', diagnosis }));
    await this.outbox.notifyAll(tx, 'grant.reconnect_required', revoked, now);
    return revoked;
  }

  /** Deletes the grant that was disconnected, unless its user consented again since. */
  async #forget(tx: Transaction, { grantId, consentedAt }: Revocation, now: Date): Promise<Grant | null> {
    const row = await tx.grant.findFirst({ where: { id: grantId, consentedAt } });
    if (!row) return null;
    const target = disconnected(fromRow(row));
    await tx.refreshToken.updateMany({
      where: { grantId, endedAt: null },
      data: { endedAt: now, endReason: 'revoked' },
    });
    await tx.refreshToken.updateMany({
      where: { grantId, current: true },
      data: { current: false, lastUsedAt: target.refreshedAt ?? target.consentedAt, mac: null },
    });
    await tx.grant.delete({ where: { id: grantId } });
    await this.outbox.notify(tx, 'grant.disconnected', target, now, { revoked_at_google: true });
    return target;
  }

  /** Restores grants that this revocation did not end, or hands them to another revocation that concerns them. */
  async #restore(tx: Transaction, { id }: Revocation): Promise<{ userId: string; client: string }[]> {
    const before = await tx.grant.findMany({ where: { revocationId: id } });
    if (before.length === 0) return [];
    await tx.$executeRaw`
      UPDATE grants SET version = version + 1, revocation_id = next,
        status = CASE WHEN next IS NULL THEN revoking_from ELSE status END,
        revoking_from = CASE WHEN next IS NULL THEN NULL ELSE revoking_from END
      FROM (
        SELECT grants.id AS marked, (
          SELECT other.id FROM revocations AS other
          WHERE other.finished_at IS NULL AND other.account_sub = grants.account_sub AND client = ANY(other.clients)
          ORDER BY begun_at LIMIT 1) AS next
        FROM grants WHERE revocation_id = ${id}::uuid) AS left_over
      WHERE grants.id = marked`;
    await this.resealCredentials.reseal(tx, before);
    return before;
  }

  async #askAgain(
    tx: Transaction,
    { accountSub, clients }: Revocation,
  ): Promise<{ userId: string; client: string }[]> {
    await tx.$executeRaw`DELETE FROM access_tokens USING grants WHERE grants.id = grant_id
      AND account_sub = ${accountSub} AND client = ANY(${clients}) AND kind = 'user' AND revocation_id IS NULL`;
    return tx.$queryRaw`
      UPDATE grants SET version = version + 1
      WHERE account_sub = ${accountSub} AND client = ANY(${clients}) AND kind = 'user' AND revocation_id IS NULL
        AND status = 'active'
      RETURNING user_id AS "userId", client`;
  }

  /** Also of tokens that no grant uses any more: Google revoked them all. */
  async #endSlots(
    tx: Transaction,
    { accountSub, clients, firstSequence, lastSequence }: Revocation,
    revoked: readonly Grant[],
    { isInferred }: RevocationEnd,
    now: Date,
  ): Promise<void> {
    const siblings = revoked.map(({ id }) => id);
    const newest = isInferred ? firstSequence : lastSequence;
    await tx.$executeRaw`
      UPDATE refresh_tokens SET ended_at = ${now.toISOString()}::timestamptz,
        end_reason = CASE WHEN grant_id = ANY(${siblings}::uuid[]) THEN ${REVOKED_WITH_SIBLING.cause} ELSE 'revoked' END
      WHERE account_sub = ${accountSub} AND client = ANY(${clients}) AND ended_at IS NULL AND sequence <= ${newest}`;
  }

  /** One event for each user whose grant ended. */
  async #audit(
    tx: Transaction,
    { grantId, requestedBy }: Revocation,
    revoked: readonly Grant[],
    target: Grant | null,
    at: Date,
  ): Promise<void> {
    const { actor, serviceId, requestId } = requesterOf(requestedBy);
    const common = { at, action: 'grant.disconnect', outcome: 'ok', actor, serviceId, requestId } as const;
    const rows = revoked.map((grant) =>
      toAuditRow({
        ...common,
        userId: grant.userId,
        client: grant.client,
        grantId: grant.id,
        // Which grant it was stands in the audit trail of the other user.
        details: { with_sibling: true },
      }),
    );
    if (target) {
      const details = { mode: 'revoke', ...(revoked.length > 0 ? { also_revoked: revoked.length } : {}) };
      rows.push(toAuditRow({ ...common, userId: target.userId, client: target.client, grantId, details }));
    }
    if (rows.length > 0) await tx.$executeRawUnsafe(WRITE_AUDIT_ROWS, JSON.stringify(rows));
  }
}

/** No seal is bound to it: what was changed in the database must not keep a revocation unfinished. */
function requesterOf(stored: Prisma.JsonValue) {
  const { actor, serviceId, requestId } = (stored ?? {}) as Partial<
    Record<keyof RevocationRequester, unknown>
  >;
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  return { actor: text(actor) ?? 'unknown', serviceId: text(serviceId), requestId: text(requestId) };
}
