import { Injectable } from '@nestjs/common';
import type { AccountRemediation, AccountSubject, Remediation } from '../../domain/google/security-event.js';
import type { Grant } from '../../domain/grant/grant.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { isUniqueViolation } from '../client/database-error.js';
import { Database } from '../client/database.js';
import { fromRow, hasEmail } from '../grants/grant-row.js';
import { SlotBookings } from '../grants/slot-bookings.js';
import type { Prisma } from '../prisma-client/client.js';
import { AccountRemediations } from './account-remediations.js';

export interface SecurityIncident {
  readonly jti: string;
  /** Later consents are not touched: events can arrive late, and the user may have connected again meanwhile. */
  readonly occurredAt: Date;
  /** The aliases of the clients that it concerns; grants of others stay as they are. */
  readonly clients: readonly string[];
  readonly remediations: readonly Remediation[];
}

type Transaction = Prisma.TransactionClient;

/** Longer than Google retries the delivery of an event. */
const REMEMBER_MS = 30 * 24 * 3600 * 1000;

/** Applies security events to grants, tokens and the slot ledger, each event in one transaction and once. */
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
   * Takes all measures and records the event, in one transaction. Lock order: the event, the account, its grants.
   * @returns for each measure the grants that it concerned, as they were before; null when the event was handled before
   */
  async takeOnce(incident: SecurityIncident, now: Date): Promise<Grant[][] | null> {
    await this.database.securityEvent.deleteMany({
      where: { receivedAt: { lt: new Date(now.getTime() - REMEMBER_MS) } },
    });
    try {
      const taken = await this.database.$transaction(async (tx) => {
        // First: the same event delivered twice at once waits here until the other delivery is done.
        await tx.securityEvent.create({ data: { jti: incident.jti, receivedAt: now } });
        const touched: Grant[][] = [];
        for (const remediation of incident.remediations)
          touched.push(await this.#take(tx, incident, remediation, now));
        return touched;
      });
      for (const { userId, client } of taken.flat()) this.changes.publish({ kind: 'grant', userId, client });
      return taken;
    } catch (error) {
      if (isUniqueViolation(error)) return null;
      throw error;
    }
  }

  #take(tx: Transaction, incident: SecurityIncident, remediation: Remediation, now: Date): Promise<Grant[]> {
    return remediation.action === 'revoke_token'
      ? this.#revokeToken(tx, incident, remediation, now)
      : this.#onAccount(tx, incident, remediation, now);
  }

  async #onAccount(
    tx: Transaction,
    { clients, occurredAt }: SecurityIncident,
    remediation: AccountRemediation,
    now: Date,
  ): Promise<Grant[]> {
    const subs = await this.#subsOf(tx, remediation.account, clients);
    for (const sub of subs) for (const client of clients) await this.ledger.lock(tx, sub, client);
    const locked = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM grants
      WHERE account_sub = ANY(${subs}) AND client = ANY(${[...clients]}) AND consented_at <= ${occurredAt}
        AND kind = 'user'
      ORDER BY id FOR UPDATE`;
    const rows = await tx.grant.findMany({ where: { id: { in: locked.map(({ id }) => id) } } });
    const touched = await this.accountMeasures.take(tx, remediation, rows, occurredAt, now);
    const endReason = this.accountMeasures.endReason(remediation);
    if (endReason !== null) {
      // Also tokens that no grant uses any more: Google revoked them all.
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
    return touched;
  }

  /** Where only the email is known: every account that had it when its user last connected. */
  async #subsOf(
    tx: Transaction,
    { sub, email }: AccountSubject,
    clients: readonly string[],
  ): Promise<string[]> {
    if (sub !== null) return [sub];
    const rows = await tx.$queryRaw<{ accountSub: string }[]>`
      SELECT DISTINCT account_sub AS "accountSub" FROM grants
      WHERE ${hasEmail(email ?? '')} AND client = ANY(${[...clients]}) ORDER BY account_sub`;
    return rows.map(({ accountSub }) => accountSub);
  }

  async #revokeToken(
    tx: Transaction,
    { clients }: SecurityIncident,
    { token, diagnosis }: Remediation & { action: 'revoke_token' },
    now: Date,
  ): Promise<Grant[]> {
    const name = this.sealer.fingerprint(
      token.name,
      token.namedBy === 'prefix' ? 'risc-prefix' : 'risc-sha512',
    );
    const named = {
      ...(token.namedBy === 'prefix' ? { prefixHash: name } : { sha512Hash: name }),
      client: { in: [...clients] },
    };
    for (const { accountSub, client } of await tx.refreshToken.findMany({
      where: named,
      distinct: ['accountSub', 'client'],
      orderBy: [{ accountSub: 'asc' }, { client: 'asc' }],
    })) {
      await this.ledger.lock(tx, accountSub, client);
    }
    // Read again: a concurrent consent may have replaced the token.
    const rows = await tx.refreshToken.findMany({ where: named, include: { grant: true } });
    const using = rows.flatMap(({ current, grant }) => (current && grant ? [fromRow(grant)] : []));
    const ended = await this.accountMeasures.markDead(tx, using, 'reconnect_required', diagnosis, now);
    await tx.refreshToken.updateMany({
      where: { ...named, endedAt: null },
      data: { endedAt: now, endReason: diagnosis.cause },
    });
    return ended;
  }
}
