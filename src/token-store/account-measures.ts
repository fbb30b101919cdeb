import { Injectable } from '@nestjs/common';
import { isLiving, type Diagnosis, type Grant } from '../domain/grant.js';
import type { AccountMeasure } from '../domain/security-event.js';
import { dead, endTokens } from './end-grants.js';
import { fromRow } from './grant-row.js';
import { toJson } from './json.js';
import { Outbox } from './outbox.js';
import { Prisma, type Grant as Row } from './prisma-client/client.js';

type Transaction = Prisma.TransactionClient;

/** What Google's security events do to grants, in the transaction of the event. */
@Injectable()
export class AccountMeasures {
  constructor(private readonly outbox: Outbox) {}

  /** @returns the grants that it concerned, as they were before */
  take(
    tx: Transaction,
    measure: AccountMeasure,
    rows: readonly Row[],
    occurredAt: Date,
    now: Date,
  ): Promise<Grant[]> {
    const grants = rows.map(fromRow);
    switch (measure.action) {
      case 'revoke':
        return this.kill(tx, grants, 'revoked', measure.diagnosis, now);
      case 'suspend':
        return this.#suspend(tx, grants.filter(isLiving), measure.diagnosis, occurredAt, now);
      case 'resume':
        return this.#resume(tx, rows.filter((row) => isSuspendedAt(row, occurredAt)).map(fromRow), now);
      case 'forget':
        return this.#forget(tx, grants, measure.endReason, now);
      case 'drop_access_tokens':
        return this.#dropAccessTokens(tx, grants.filter(isLiving));
      case 'note':
        return Promise.resolve(grants);
    }
  }

  /** Why all refresh tokens of the account are dead after a measure; null where they live on. */
  endReason(measure: AccountMeasure): string | null {
    if (measure.action === 'revoke') return measure.diagnosis.cause;
    return measure.action === 'forget' ? measure.endReason : null;
  }

  async kill(
    tx: Transaction,
    grants: readonly Grant[],
    status: 'revoked' | 'reconnect_required',
    diagnosis: Diagnosis,
    now: Date,
  ): Promise<Grant[]> {
    const killed: Grant[] = [];
    for (const grant of grants.filter(isLiving)) {
      const { count } = await tx.grant.updateMany({
        where: { id: grant.id, status: { in: ['active', 'suspended'] } },
        data: { ...dead(status, diagnosis), version: { increment: 1 } },
      });
      if (count === 0) continue;
      await endTokens(tx, [grant.id], diagnosis.cause, now);
      await this.outbox.tell(tx, 'grant.reconnect_required', { ...grant, status, diagnosis }, now);
      killed.push(grant);
    }
    return killed;
  }

  async #suspend(
    tx: Transaction,
    grants: Grant[],
    diagnosis: Diagnosis,
    suspendedAt: Date,
    now: Date,
  ): Promise<Grant[]> {
    await tx.grant.updateMany({
      where: { id: { in: grants.map(({ id }) => id) } },
      data: { status: 'suspended', diagnosis: toJson(diagnosis), suspendedAt, version: { increment: 1 } },
    });
    await dropTokens(tx, grants);
    for (const grant of grants.filter(({ status }) => status === 'active')) {
      await this.outbox.tell(
        tx,
        'grant.reconnect_required',
        { ...grant, status: 'suspended', diagnosis },
        now,
      );
    }
    return grants;
  }

  async #resume(tx: Transaction, grants: Grant[], now: Date): Promise<Grant[]> {
    await tx.grant.updateMany({
      where: { id: { in: grants.map(({ id }) => id) } },
      data: { status: 'active', diagnosis: Prisma.DbNull, version: { increment: 1 } },
    });
    for (const grant of grants) {
      await this.outbox.tell(tx, 'grant.connected', { ...grant, status: 'active', diagnosis: null }, now);
    }
    return grants;
  }

  async #forget(tx: Transaction, grants: Grant[], endReason: string, now: Date): Promise<Grant[]> {
    const ids = grants.map(({ id }) => id);
    await endTokens(tx, ids, endReason, now);
    await tx.grant.deleteMany({ where: { id: { in: ids } } });
    for (const grant of grants) {
      await this.outbox.tell(tx, 'grant.disconnected', { ...grant, status: 'revoked' }, now, {
        revoked_at_google: true,
      });
    }
    return grants;
  }

  async #dropAccessTokens(tx: Transaction, grants: Grant[]): Promise<Grant[]> {
    await dropTokens(tx, grants);
    await tx.grant.updateMany({
      where: { id: { in: grants.map(({ id }) => id) } },
      data: { version: { increment: 1 } },
    });
    return grants;
  }
}

/** An `account-enabled` that is older than the suspension came late: the account was disabled again since. */
function isSuspendedAt({ status, suspendedAt }: Row, occurredAt: Date): boolean {
  return status === 'suspended' && (suspendedAt === null || suspendedAt <= occurredAt);
}

async function dropTokens(tx: Transaction, grants: readonly Grant[]): Promise<void> {
  await tx.accessToken.deleteMany({ where: { grantId: { in: grants.map(({ id }) => id) } } });
}
