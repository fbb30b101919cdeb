import { Injectable } from '@nestjs/common';
import type { AccountRemediation, Remediation, TokenSubject } from '../../domain/google/security-event.js';
import type { Grant } from '../../domain/grant/grant.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { changeByUser, userCondition, type UserOrAll, whereUser } from '../client/change-by-user.js';
import { isUniqueViolation } from '../client/database-error.js';
import { Database } from '../client/database.js';
import { fromRow, hasEmail } from '../grants/grant-row.js';
import { SlotBookings } from '../grants/slot-bookings.js';
import { IS_ACCOUNT_BY_GOOGLE } from '../grants/slot-rows.js';
import type { Prisma } from '../prisma-client/client.js';
import { AccountRemediations } from './account-remediations.js';
import { auditIncident, auditNoGrant, remediationsOf, type SecurityIncident } from './security-incident.js';

type Transaction = Prisma.TransactionClient;

/** Longer than Google retries the delivery of an event. */
const RETENTION_MS = 30 * 24 * 3600 * 1000;
/** More than one comes with each, so that a backlog goes. */
const DELETED_AT_ONCE = 100;

/** Applies security events to grants, tokens and the slot ledger, each event once. */
@Injectable()
export class SecurityEventsRepository {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly ledger: SlotBookings,
    private readonly accountMeasures: AccountRemediations,
    private readonly changes: ChangeFeed,
  ) {}

  /**
   * Takes all measures and records the events, also in the audit trail of each user: where the commit is not confirmed, Google's
   * next delivery finds them handled (client/change-by-user.ts: in how many transactions). Lock order: the event, the account, its grants.
   * @returns for each event the grants that it concerned, as they were before; null when it was handled before
   */
  async takeOnce(incident: SecurityIncident, now: Date): Promise<Grant[][] | null> {
    await this.database.securityEvent.deleteMany({
      where: { receivedAt: { lt: new Date(now.getTime() - RETENTION_MS) } },
      limit: DELETED_AT_ONCE,
    });
    const { jti, events } = incident;
    const remediations = remediationsOf(incident);
    const record = (tx: Transaction) => tx.securityEvent.create({ data: { jti, receivedAt: now } });
    const touched = events.map((): Grant[] => []);
    // As they were before: a grant that is deleted names no account any more.
    const subs = new Map<Remediation, string[]>();
    const findSubs = async (tx: Transaction) => {
      for (const remediation of remediations)
        if (!subs.has(remediation)) subs.set(remediation, await this.#subsOf(tx, remediation, incident));
    };
    const isDistributed = this.database.isDistributed();
    try {
      const taken = await changeByUser(this.database, {
        // On one server the same event delivered twice at once waits here until the other delivery is done. On several, both take
        // the measures, which change nothing the second time, and the first to record it counts.
        first: async (tx) => {
          if (isDistributed) return (await tx.securityEvent.count({ where: { jti } })) === 0;
          await record(tx);
          return true;
        },
        users: async (database) => {
          await findSubs(database);
          return this.#usersOf(database, incident);
        },
        each: async (tx, user) => {
          await findSubs(tx);
          const taken: Grant[][] = [];
          for (const { remediation } of events)
            taken.push(
              remediation === null
                ? []
                : await this.#take(tx, user, incident, remediation, subs.get(remediation) ?? [], now),
            );
          await auditIncident(tx, this.database, incident, taken, now);
          for (const [index, grants] of taken.entries()) touched[index]?.push(...grants);
        },
        lock: async (tx) => {
          for (const remediation of remediations)
            await this.#lock(tx, incident, remediation, subs.get(remediation) ?? []);
        },
        last: async (tx) => {
          for (const remediation of remediations)
            await this.#endTokens(tx, incident, remediation, subs.get(remediation) ?? [], now);
          await auditNoGrant(tx, this.database, incident, touched, now);
          if (isDistributed) await record(tx);
          return touched;
        },
      });
      for (const { userId, client } of taken?.flat() ?? [])
        this.changes.publish({ kind: 'grant', userId, client });
      return taken;
    } catch (error) {
      if (isUniqueViolation(error)) return null;
      throw error;
    }
  }

  #take(
    tx: Transaction,
    user: UserOrAll,
    incident: SecurityIncident,
    remediation: Remediation,
    subs: string[],
    now: Date,
  ): Promise<Grant[]> {
    return remediation.action === 'revoke_token'
      ? this.#revokeToken(tx, user, incident, remediation, now)
      : this.#onAccount(tx, user, incident, remediation, subs, now);
  }

  async #onAccount(
    tx: Transaction,
    user: UserOrAll,
    incident: SecurityIncident,
    remediation: AccountRemediation,
    subs: string[],
    now: Date,
  ): Promise<Grant[]> {
    const { clients, occurredAt } = incident;
    await this.#lock(tx, incident, remediation, subs);
    const locked = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM grants
      WHERE ${userCondition(user)} AND account_sub = ANY(${subs}) AND client = ANY(${[...clients]})
        AND consented_at <= ${occurredAt} AND kind = 'user'
      ORDER BY id FOR UPDATE`;
    const rows = await tx.grant.findMany({
      where: { ...whereUser(user), id: { in: locked.map(({ id }) => id) } },
    });
    return this.accountMeasures.take(tx, user, remediation, rows, occurredAt, now);
  }

  async #lock(
    tx: Transaction,
    { clients }: Pick<SecurityIncident, 'clients'>,
    remediation: Remediation,
    subs: readonly string[],
  ): Promise<void> {
    if (remediation.action === 'revoke_token')
      return this.#lockNamed(tx, this.#named(remediation.token, clients));
    for (const sub of subs) for (const client of clients) await this.ledger.lock(tx, sub, client);
  }

  async #lockNamed(tx: Transaction, where: Prisma.RefreshTokenWhereInput): Promise<void> {
    for (const { accountSub, client } of await tx.refreshToken.findMany({
      where,
      distinct: ['accountSub', 'client'],
      orderBy: [{ accountSub: 'asc' }, { client: 'asc' }],
    })) {
      await this.ledger.lock(tx, accountSub, client);
    }
  }

  /** Also tokens that no grant uses any more: Google revoked them all. */
  async #endTokens(
    tx: Transaction,
    { clients, occurredAt }: SecurityIncident,
    remediation: Remediation,
    subs: string[],
    now: Date,
  ): Promise<void> {
    if (remediation.action === 'revoke_token') {
      const endReason = remediation.diagnosis.cause;
      const named = this.#named(remediation.token, clients);
      await tx.refreshToken.updateMany({
        where: { ...named, endedAt: null },
        data: { endedAt: now, endReason },
      });
      return;
    }
    const endReason = this.accountMeasures.endReason(remediation);
    if (endReason === null) return;
    await tx.refreshToken.updateMany({
      where: {
        accountSub: { in: subs },
        client: { in: [...clients] },
        issuedAt: { lte: occurredAt },
        endedAt: null,
      },
      data: { endedAt: now, endReason },
    });
  }

  /** Whose grants it concerns: each user once. */
  async #usersOf(database: Transaction, incident: SecurityIncident): Promise<Map<string, string>> {
    const { clients } = incident;
    const users = new Map<string, string>();
    for (const remediation of remediationsOf(incident)) {
      const rows =
        remediation.action === 'revoke_token'
          ? await database.refreshToken.findMany({ where: this.#named(remediation.token, clients) })
          : await database.grant.findMany({
              where: {
                accountSub: { in: await this.#subsOf(database, remediation, { clients }) },
                client: { in: [...clients] },
              },
            });
      for (const { userId } of rows) users.set(userId, '');
    }
    return users;
  }

  /** Where only the email is known: every account that had it when its user last connected, and Google named both. */
  async #subsOf(
    tx: Transaction,
    remediation: Remediation,
    { clients }: Pick<SecurityIncident, 'clients'>,
  ): Promise<string[]> {
    if (remediation.action === 'revoke_token') return [];
    const { sub, email } = remediation.account;
    if (sub !== null) return [sub];
    const rows = await tx.$queryRaw<{ accountSub: string }[]>`
      SELECT DISTINCT account_sub AS "accountSub" FROM grants
      WHERE ${hasEmail(email ?? '')} AND client = ANY(${[...clients]}) AND ${IS_ACCOUNT_BY_GOOGLE}
      ORDER BY account_sub`;
    return rows.map(({ accountSub }) => accountSub);
  }

  #named(token: TokenSubject, clients: readonly string[]) {
    const name = this.sealer.fingerprint(
      token.name,
      token.namedBy === 'prefix' ? 'risc-prefix' : 'risc-sha512',
    );
    return {
      ...(token.namedBy === 'prefix' ? { prefixHash: name } : { sha512Hash: name }),
      client: { in: [...clients] },
    };
  }

  async #revokeToken(
    tx: Transaction,
    user: UserOrAll,
    { clients }: SecurityIncident,
    { token, diagnosis }: Remediation & { action: 'revoke_token' },
    now: Date,
  ): Promise<Grant[]> {
    const where = { ...whereUser(user), ...this.#named(token, clients) };
    await this.#lockNamed(tx, where);
    // Read again: a concurrent consent may have replaced the token.
    const rows = await tx.refreshToken.findMany({ where: { ...where, current: true } });
    const ids = rows.flatMap(({ grantId }) => grantId ?? []);
    const using = await tx.grant.findMany({ where: { ...whereUser(user), id: { in: ids } } });
    return this.accountMeasures.markDead(tx, user, using.map(fromRow), 'reconnect_required', diagnosis, now);
  }
}
