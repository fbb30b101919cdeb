import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { AccessToken, Diagnosis, Grant, TokenAnswer } from '../domain/grant.js';
import { GrantStore, type Consent } from '../domain/ports/grant-store.js';
import { Sealer } from '../domain/ports/sealer.js';
import { SlotAlarm } from '../domain/ports/slot-alarm.js';
import { sameScopes, scopeSet } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';
import { TESTING_SECONDS } from '../domain/forecast.js';
import { INACTIVITY_SECONDS, isNearlyFull } from '../domain/slots.js';
import { AccessTokens } from './access-tokens.js';
import { Database } from './database.js';
import { dead, endTokens } from './end-grants.js';
import { fromRow } from './grant-row.js';
import { Outbox } from './outbox.js';
import { refreshTokenPlace } from './places.js';
import { Prisma } from './prisma-client/client.js';
import { PrismaSlotLedger } from './prisma-slot-ledger.js';

type Transaction = Prisma.TransactionClient;

@Injectable()
export class PrismaGrants extends GrantStore {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly accessTokens: AccessTokens,
    private readonly ledger: PrismaSlotLedger,
    private readonly outbox: Outbox,
    private readonly alarm: SlotAlarm,
    private readonly settings: Settings,
  ) {
    super();
  }

  override async saveConsent(consent: Consent): Promise<Grant | null> {
    const { userId, client, account, answer, now } = consent;
    return this.database.$transaction(async (tx) => {
      const identity = { userId, client, accountSub: account.sub };
      // Also serialises the first two consents for one grant, when there is no row to lock yet.
      await this.ledger.lock(tx, account.sub, client);
      // And waits for a death or a disconnect under way: what is kept below must be what is there.
      await tx.$queryRaw`SELECT id FROM grants WHERE user_id = ${userId} AND client = ${client}
        AND account_sub = ${account.sub} FOR UPDATE`;
      const stored = await tx.grant.findUnique({ where: { userId_client_accountSub: identity } });
      const keepsToken = stored?.status === 'active' ? stored.sealedRefreshToken : null;
      if (answer.refreshToken === null && keepsToken === null) return null;
      const id = stored?.id ?? randomUUID();
      const columns = {
        accountEmail: account.email ?? stored?.accountEmail ?? null,
        requestedScopes: scopeSet([...(stored?.requestedScopes ?? []), ...consent.requestedScopes]),
        grantedScopes: scopeSet(answer.scopes),
        status: 'active' as const,
        diagnosis: Prisma.DbNull,
        consentedAt: now,
        refreshedAt: now,
        ...(await this.#refreshTokenColumns(id, answer, now)),
      };
      const row = await tx.grant.upsert({
        where: { id },
        create: { refreshTokenIssuedAt: now, ...identity, ...columns, id, createdAt: now },
        update: { ...columns, version: { increment: 1 } },
      });
      // Tokens of before cover other scopes, perhaps more than the user allows now.
      await tx.accessToken.deleteMany({ where: { grantId: id } });
      await this.accessTokens.put(tx, id, scopeSet(answer.scopes), answer);
      const grant = fromRow(row);
      await this.#book(tx, grant, answer, now);
      if (stored?.status !== 'active') await this.outbox.tell(tx, 'grant.connected', grant, now);
      else if (!sameScopes(stored.grantedScopes, grant.grantedScopes)) {
        await this.outbox.tell(tx, 'grant.scopes_changed', grant, now);
      }
      return grant;
    });
  }

  override async findById(id: string): Promise<Grant | null> {
    const row = await this.database.grant.findUnique({ where: { id } });
    return row && fromRow(row);
  }

  override async findByUser(userId: string, client?: string): Promise<Grant[]> {
    const rows = await this.database.grant.findMany({
      where: { userId, ...(client === undefined ? {} : { client }) },
      orderBy: { createdAt: 'asc' },
    });
    return rows.map(fromRow);
  }

  override async findByAccount(accountSub: string, clients: readonly string[]): Promise<Grant[]> {
    const rows = await this.database.grant.findMany({ where: { accountSub, client: { in: [...clients] } } });
    return rows.map(fromRow);
  }

  override async *mortal(
    before: Date,
    testingClients: readonly string[],
    batch: number,
  ): AsyncGenerator<Grant[]> {
    const ago = (seconds: number) => new Date(before.getTime() - seconds * 1000);
    const read = (after?: string) =>
      this.database.grant.findMany({
        where: {
          status: 'active',
          OR: [
            { refreshTokenExpiresAt: { lte: before } },
            { client: { in: [...testingClients] }, refreshTokenIssuedAt: { lte: ago(TESTING_SECONDS) } },
            { refreshedAt: { lte: ago(INACTIVITY_SECONDS) } },
          ],
          ...(after === undefined ? {} : { id: { gt: after } }),
        },
        orderBy: { id: 'asc' },
        take: batch,
      });
    for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id))
      yield rows.map(fromRow);
  }

  override accessToken(grant: Grant, scopes: readonly string[]): Promise<AccessToken | null> {
    return this.accessTokens.read(grant, scopes);
  }

  override async refreshToken(grant: Grant): Promise<Secret | null> {
    const row = await this.database.grant.findUnique({ where: { id: grant.id } });
    if (!row?.sealedRefreshToken) return null;
    return this.sealer.open(row.sealedRefreshToken, refreshTokenPlace(grant.id));
  }

  override async saveRefresh(
    grant: Grant,
    scopes: readonly string[],
    answer: TokenAnswer,
    now: Date,
  ): Promise<boolean> {
    const isWhole = sameScopes(scopes, grant.grantedScopes);
    const narrowed = isWhole && !sameScopes(answer.scopes, grant.grantedScopes);
    const rotated = answer.refreshToken !== null;
    return this.database.$transaction(async (tx) => {
      // In the order of a consent: first the account's lock, then the row.
      if (rotated) await this.ledger.lock(tx, grant.account.sub, grant.client);
      const { count } = await tx.grant.updateMany({
        where: unchanged(grant),
        data: {
          refreshedAt: now,
          ...(await this.#refreshTokenColumns(grant.id, answer, now)),
          ...(narrowed ? { grantedScopes: scopeSet(answer.scopes) } : {}),
          ...(narrowed || rotated ? { version: { increment: 1 } } : {}),
        },
      });
      if (count === 0) return false;
      if (narrowed) {
        await tx.accessToken.deleteMany({ where: { grantId: grant.id } });
        const changed: Grant = { ...grant, grantedScopes: scopeSet(answer.scopes) };
        await this.outbox.tell(tx, 'grant.scopes_changed', changed, now);
      }
      await this.accessTokens.put(tx, grant.id, narrowed ? answer.scopes : scopes, answer);
      await this.#book(tx, grant, answer, now);
      return true;
    });
  }

  override async markDead(grant: Grant, diagnosis: Diagnosis, now: Date): Promise<boolean> {
    return this.database.$transaction(async (tx) => {
      const { count } = await tx.grant.updateMany({
        where: unchanged(grant),
        data: { ...dead('reconnect_required', diagnosis), version: { increment: 1 } },
      });
      if (count === 0) return false;
      await endTokens(tx, [grant.id], diagnosis.cause, now);
      const ended: Grant = { ...grant, status: 'reconnect_required', diagnosis };
      await this.outbox.tell(tx, 'grant.reconnect_required', ended, now);
      return true;
    });
  }

  override async markRevoked(grants: readonly Grant[], diagnosis: Diagnosis, now: Date): Promise<void> {
    await this.database.$transaction(async (tx) => {
      for (const grant of grants) {
        const { count } = await tx.grant.updateMany({
          where: sameConsent(grant),
          data: { ...dead('revoked', diagnosis), version: { increment: 1 } },
        });
        if (count === 0) continue;
        await endTokens(tx, [grant.id], diagnosis.cause, now);
        const revoked: Grant = { ...grant, status: 'revoked', diagnosis };
        await this.outbox.tell(tx, 'grant.reconnect_required', revoked, now);
      }
    });
  }

  override async forget(grant: Grant, endReason: string | null, now: Date): Promise<void> {
    await this.database.$transaction(async (tx) => {
      const { count } = await tx.grant.updateMany({
        where: sameConsent(grant),
        data: { version: { increment: 1 } },
      });
      if (count === 0) return;
      if (endReason !== null) await endTokens(tx, [grant.id], endReason, now);
      await tx.refreshToken.updateMany({
        where: { grantId: grant.id, current: true },
        data: { current: false, lastUsedAt: grant.refreshedAt ?? grant.consentedAt },
      });
      await tx.grant.delete({ where: { id: grant.id } });
      await this.outbox.tell(tx, 'grant.disconnected', { ...grant, status: 'revoked' }, now, {
        revoked_at_google: endReason !== null,
      });
    });
  }

  async #refreshTokenColumns(id: string, answer: TokenAnswer, now: Date) {
    if (answer.refreshToken === null) return {};
    return {
      sealedRefreshToken: await this.sealer.seal(answer.refreshToken, refreshTokenPlace(id)),
      refreshTokenIssuedAt: now,
      refreshTokenExpiresAt: answer.refreshTokenExpiresAt,
    };
  }

  async #book(tx: Transaction, grant: Grant, answer: TokenAnswer, now: Date): Promise<void> {
    const { refreshToken: token, refreshTokenExpiresAt: expiresAt } = answer;
    if (token === null) return;
    const { client, id: grantId } = grant;
    const accountSub = grant.account.sub;
    const used = await this.ledger.book(tx, { accountSub, client, grantId, token, expiresAt, now });
    const { slotLimit: limit } = this.settings;
    if (isNearlyFull(used, limit)) {
      this.alarm.nearlyFull({ client, grantId, used, limit });
      await this.outbox.tell(tx, 'slots.nearly_full', grant, now, {
        slots: { limit, used, free: limit - used },
      });
    }
  }
}

/** Compare-and-set: a consent, disconnect or death in between has raised the version. */
function unchanged(grant: Grant) {
  return { id: grant.id, version: grant.version, status: 'active' as const };
}

/** A user who consented anew in between meant the new grant to live, however long the end of the old one took. */
function sameConsent({ id, consentedAt }: Grant) {
  return { id, consentedAt };
}
