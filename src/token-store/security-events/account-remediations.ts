import { Injectable } from '@nestjs/common';
import type { AccountRemediation } from '../../domain/google/security-event.js';
import { type Diagnosis, type Grant, isDead, type StoredStatus } from '../../domain/grant/grant.js';
import { type UserOrAll, whereUser } from '../client/change-by-user.js';
import { toJson } from '../client/database.js';
import { deadColumns, deleteGrants, disconnected, endTokens } from '../grants/dead-grants.js';
import { fromRow, statusOf as storedStatus } from '../grants/grant-row.js';
import { ResealCredentials } from '../grants/reseal-credentials.js';
import { Outbox } from '../outbox/outbox.js';
import { type Grant as Row, Prisma } from '../prisma-client/client.js';

type Transaction = Prisma.TransactionClient;

/** Applies the measures of a security event to grants, in the transaction of the event. */
@Injectable()
export class AccountRemediations {
  constructor(
    private readonly outbox: Outbox,
    private readonly resealCredentials: ResealCredentials,
  ) {}

  /** @returns the grants that it concerned, as they were before */
  take(
    tx: Transaction,
    user: UserOrAll,
    remediation: AccountRemediation,
    rows: readonly Row[],
    occurredAt: Date,
    now: Date,
  ): Promise<Grant[]> {
    const concerned = rows.filter((row) => isConcerned(row, remediation, occurredAt));
    if (concerned.length === 0) return Promise.resolve([]);
    const grants = concerned.map(fromRow);
    switch (remediation.action) {
      case 'revoke':
        return this.markDead(tx, user, grants, 'revoked', remediation.diagnosis, now);
      case 'suspend':
        return this.#suspend(tx, user, concerned, remediation.diagnosis, occurredAt, now);
      case 'resume':
        return this.#resume(tx, user, concerned, occurredAt, now);
      case 'delete':
        return this.#delete(tx, user, grants, remediation.endReason, now);
      case 'drop_access_tokens':
        return this.#dropAccessTokens(tx, user, concerned);
      case 'note':
        return Promise.resolve(grants);
    }
  }

  /** Why all refresh tokens of the account are dead after a measure; null where they stay valid. */
  endReason(remediation: AccountRemediation): string | null {
    if (remediation.action === 'revoke') return remediation.diagnosis.cause;
    return remediation.action === 'delete' ? remediation.endReason : null;
  }

  async markDead(
    tx: Transaction,
    user: UserOrAll,
    grants: readonly Grant[],
    status: 'revoked' | 'reconnect_required',
    diagnosis: Diagnosis,
    now: Date,
  ): Promise<Grant[]> {
    const alive = grants.filter((grant) => !isDead(grant));
    if (alive.length === 0) return [];
    const rows = await tx.grant.updateManyAndReturn({
      where: {
        ...whereUser(user),
        id: { in: alive.map(({ id }) => id) },
        status: { in: ['active', 'suspended'] },
      },
      data: { ...deadColumns(status, diagnosis), version: { increment: 1 } },
      select: { id: true },
    });
    const ids = new Set(rows.map(({ id }) => id));
    const ended = alive.filter(({ id }) => ids.has(id));
    await endTokens(tx, user, [...ids], diagnosis.cause, now);
    const dead = ended.map((grant): Grant => ({ ...grant, status, diagnosis }));
    await this.outbox.notifyAll(tx, 'grant.reconnect_required', dead, now);
    return ended;
  }

  async #suspend(
    tx: Transaction,
    user: UserOrAll,
    rows: readonly Row[],
    diagnosis: Diagnosis,
    suspendedAt: Date,
    now: Date,
  ): Promise<Grant[]> {
    const grants = rows.map(fromRow);
    const ids = grants.map(({ id }) => id);
    await tx.grant.updateMany({
      where: { ...whereUser(user), id: { in: ids } },
      data: { status: 'suspended', diagnosis: toJson(diagnosis), suspendedAt, version: { increment: 1 } },
    });
    // The status that they return to if the revocation turns out not to concern them.
    await tx.grant.updateMany({
      where: { ...whereUser(user), id: { in: ids }, revocationId: { not: null } },
      data: { revokingFrom: 'suspended' },
    });
    await this.resealCredentials.reseal(tx, user, rows);
    await dropTokens(tx, user, grants);
    const notified = rows.filter((row) => statusOf(row) === 'active').map(fromRow);
    const suspended = notified.map((grant): Grant => ({ ...grant, status: 'suspended', diagnosis }));
    await this.outbox.notifyAll(tx, 'grant.reconnect_required', suspended, now);
    return grants;
  }

  async #resume(
    tx: Transaction,
    user: UserOrAll,
    concerned: readonly Row[],
    enabledAt: Date,
    now: Date,
  ): Promise<Grant[]> {
    // Also where there is nothing to resume: the `account-disabled` before it may still be on its way.
    await tx.grant.updateMany({
      where: { ...whereUser(user), id: { in: concerned.map(({ id }) => id) } },
      data: { suspendedAt: enabledAt },
    });
    const rows = concerned.filter((row) => statusOf(row) === 'suspended');
    if (rows.length === 0) return [];
    const grants = rows.map(fromRow);
    const where = { ...whereUser(user), id: { in: grants.map(({ id }) => id) } };
    await tx.grant.updateMany({
      where: { ...where, revocationId: null },
      data: { status: 'active', diagnosis: Prisma.DbNull, version: { increment: 1 } },
    });
    await tx.grant.updateMany({
      where: { ...where, revocationId: { not: null } },
      data: { revokingFrom: 'active', diagnosis: Prisma.DbNull, version: { increment: 1 } },
    });
    await this.resealCredentials.reseal(tx, user, rows);
    const active = grants
      .filter(({ status }) => status !== 'revoking')
      .map((grant): Grant => ({ ...grant, status: 'active', diagnosis: null }));
    await this.outbox.notifyAll(tx, 'grant.connected', active, now);
    return grants;
  }

  async #delete(
    tx: Transaction,
    user: UserOrAll,
    grants: Grant[],
    endReason: string,
    now: Date,
  ): Promise<Grant[]> {
    const ids = grants.map(({ id }) => id);
    await endTokens(tx, user, ids, endReason, now);
    await deleteGrants(tx, user, ids);
    const revoked = grants.map(disconnected);
    await this.outbox.notifyAll(tx, 'grant.disconnected', revoked, now, { revoked_at_google: true });
    return grants;
  }

  async #dropAccessTokens(tx: Transaction, user: UserOrAll, rows: readonly Row[]): Promise<Grant[]> {
    const grants = rows.map(fromRow);
    await dropTokens(tx, user, grants);
    await tx.grant.updateMany({
      where: { ...whereUser(user), id: { in: grants.map(({ id }) => id) } },
      data: { version: { increment: 1 } },
    });
    await this.resealCredentials.reseal(tx, user, rows);
    return grants;
  }
}

/** The status apart from a revocation under way. */
function statusOf({ status, revokingFrom }: Row): StoredStatus {
  return storedStatus(revokingFrom ?? status);
}

function isConcerned(row: Row, { action }: AccountRemediation, occurredAt: Date): boolean {
  const isAlive = !isDead({ status: statusOf(row) });
  if (action === 'drop_access_tokens') return isAlive;
  if (action !== 'suspend' && action !== 'resume') return true;
  return isAlive && !isOutdated(row, occurredAt);
}

/** Google disabled or enabled the account after this event, by its own clock: what it said before that arrived late. */
function isOutdated({ suspendedAt }: Row, occurredAt: Date): boolean {
  return suspendedAt !== null && suspendedAt > occurredAt;
}

async function dropTokens(tx: Transaction, user: UserOrAll, grants: readonly Grant[]): Promise<void> {
  await tx.accessToken.deleteMany({
    where: { ...whereUser(user), grantId: { in: grants.map(({ id }) => id) } },
  });
}
