import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { AccessToken, Diagnosis, Grant, TokenAnswer } from '../domain/grant.js';
import { GrantStore, type Consent } from '../domain/ports/grant-store.js';
import { Sealer } from '../domain/ports/sealer.js';
import { sameScopes, scopeSet } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';
import { Database } from './database.js';
import { accessTokenPlace, refreshTokenPlace } from './places.js';
import { Prisma, type Grant as Row } from './prisma-client/client.js';

type Transaction = Prisma.TransactionClient;

@Injectable()
export class PrismaGrants extends GrantStore {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
  ) {
    super();
  }

  override async saveConsent(consent: Consent): Promise<Grant | null> {
    return this.database.$transaction(async (tx) => {
      const { userId, client, account, answer, now } = consent;
      const identity = { userId, client, accountSub: account.sub };
      // Serialises consents for one grant, also the first two, when there is no row to lock yet.
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${Object.values(identity).join(' ')}, 0))`;
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
        ...(answer.refreshToken === null
          ? {}
          : {
              sealedRefreshToken: await this.sealer.seal(answer.refreshToken, refreshTokenPlace(id)),
              refreshTokenExpiresAt: answer.refreshTokenExpiresAt,
            }),
      };
      const row = await tx.grant.upsert({
        where: { id },
        create: { ...identity, ...columns, id, createdAt: now },
        update: { ...columns, version: { increment: 1 } },
      });
      // Tokens of before cover other scopes, perhaps more than the user allows now.
      await tx.accessToken.deleteMany({ where: { grantId: id } });
      await this.#putAccessToken(tx, id, scopeSet(answer.scopes), answer);
      await this.#putLedgerRow(tx, row, answer.refreshToken, now);
      return fromRow(row);
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

  override async findSiblings(accountSub: string, clients: readonly string[]): Promise<Grant[]> {
    const rows = await this.database.grant.findMany({ where: { accountSub, client: { in: [...clients] } } });
    return rows.map(fromRow);
  }

  override async accessToken(grant: Grant, scopes: readonly string[]): Promise<AccessToken | null> {
    const scopeSetKey = key(scopes);
    const row = await this.database.accessToken.findUnique({
      where: { grantId_scopeSet: { grantId: grant.id, scopeSet: scopeSetKey } },
    });
    if (!row) return null;
    const token = await this.sealer.open(row.sealedToken, accessTokenPlace(grant.id, scopeSetKey));
    return { token, expiresAt: row.expiresAt, scopes: scopeSet(scopes) };
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
    return this.database.$transaction(async (tx) => {
      const rotated =
        answer.refreshToken && (await this.sealer.seal(answer.refreshToken, refreshTokenPlace(grant.id)));
      const { count } = await tx.grant.updateMany({
        where: unchanged(grant),
        data: {
          refreshedAt: now,
          ...(answer.refreshTokenExpiresAt ? { refreshTokenExpiresAt: answer.refreshTokenExpiresAt } : {}),
          ...(rotated ? { sealedRefreshToken: rotated } : {}),
          ...(narrowed ? { grantedScopes: scopeSet(answer.scopes) } : {}),
          ...(narrowed || rotated ? { version: { increment: 1 } } : {}),
        },
      });
      if (count === 0) return false;
      if (narrowed) await tx.accessToken.deleteMany({ where: { grantId: grant.id } });
      await this.#putAccessToken(tx, grant.id, narrowed ? answer.scopes : scopes, answer);
      await this.#putLedgerRow(tx, { ...grant, accountSub: grant.account.sub }, answer.refreshToken, now);
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
      return true;
    });
  }

  override async markRevoked(grants: readonly Grant[], diagnosis: Diagnosis, now: Date): Promise<void> {
    const ids = grants.map((grant) => grant.id);
    await this.database.$transaction(async (tx) => {
      await tx.grant.updateMany({
        where: { id: { in: ids } },
        data: { ...dead('revoked', diagnosis), version: { increment: 1 } },
      });
      await endTokens(tx, ids, diagnosis.cause, now);
    });
  }

  override async forget(grant: Grant, endReason: string | null, now: Date): Promise<void> {
    await this.database.$transaction(async (tx) => {
      if (endReason !== null) await endTokens(tx, [grant.id], endReason, now);
      await tx.grant.deleteMany({ where: { id: grant.id } });
    });
  }

  async #putAccessToken(tx: Transaction, grantId: string, scopes: readonly string[], answer: TokenAnswer) {
    const identity = { grantId, scopeSet: key(scopes) };
    const sealedToken = await this.sealer.seal(
      answer.accessToken,
      accessTokenPlace(grantId, identity.scopeSet),
    );
    const columns = { sealedToken, expiresAt: answer.expiresAt };
    await tx.accessToken.upsert({
      where: { grantId_scopeSet: identity },
      create: { ...identity, ...columns },
      update: columns,
    });
  }

  async #putLedgerRow(
    tx: Transaction,
    grant: { id: string; client: string; accountSub: string },
    refreshToken: Secret | null,
    now: Date,
  ) {
    if (refreshToken === null) return;
    const fingerprint = this.sealer.fingerprint(refreshToken);
    await tx.refreshToken.upsert({
      where: { fingerprint },
      create: {
        fingerprint,
        grantId: grant.id,
        client: grant.client,
        accountSub: grant.accountSub,
        issuedAt: now,
      },
      update: {},
    });
  }
}

function key(scopes: readonly string[]): string {
  return scopeSet(scopes).join(' ');
}

/** Compare-and-set: a consent, disconnect or death in between has raised the version. */
function unchanged(grant: Grant) {
  return { id: grant.id, version: grant.version, status: 'active' as const };
}

function dead(status: 'reconnect_required' | 'revoked', diagnosis: Diagnosis) {
  return { status, diagnosis: { ...diagnosis }, sealedRefreshToken: null, refreshTokenExpiresAt: null };
}

/** Nothing of a dead grant may be handed out, and its slots at Google are free. */
async function endTokens(tx: Transaction, grantIds: string[], endReason: string, now: Date) {
  await tx.accessToken.deleteMany({ where: { grantId: { in: grantIds } } });
  await tx.refreshToken.updateMany({
    where: { grantId: { in: grantIds }, endedAt: null },
    data: { endedAt: now, endReason },
  });
}

function fromRow(row: Row): Grant {
  const { accountSub, accountEmail, diagnosis, sealedRefreshToken: _sealed, ...columns } = row;
  return {
    ...columns,
    account: { sub: accountSub, email: accountEmail },
    diagnosis: diagnosis as Diagnosis | null,
  };
}
