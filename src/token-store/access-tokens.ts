import { Injectable } from '@nestjs/common';
import type { AccessToken, Grant, TokenAnswer } from '../domain/grant.js';
import { Sealer } from '../domain/ports/sealer.js';
import { scopeSet } from '../domain/scopes.js';
import { Database } from './database.js';
import { accessTokenPlace } from './places.js';
import type { Prisma } from './prisma-client/client.js';

/** The newest access token of a grant for each set of scopes that was asked for. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
  ) {}

  async read(grant: Grant, scopes: readonly string[]): Promise<AccessToken | null> {
    const identity = { grantId: grant.id, scopeSet: scopeSet(scopes).join(' ') };
    const row = await this.database.accessToken.findUnique({ where: { grantId_scopeSet: identity } });
    if (!row) return null;
    const token = await this.sealer.open(row.sealedToken, accessTokenPlace(grant.id, identity.scopeSet));
    return { token, expiresAt: row.expiresAt, scopes: scopeSet(scopes) };
  }

  async put(
    tx: Prisma.TransactionClient,
    grantId: string,
    scopes: readonly string[],
    { accessToken, expiresAt }: TokenAnswer,
  ): Promise<void> {
    const identity = { grantId, scopeSet: scopeSet(scopes).join(' ') };
    const sealedToken = await this.sealer.seal(accessToken, accessTokenPlace(grantId, identity.scopeSet));
    await tx.accessToken.upsert({
      where: { grantId_scopeSet: identity },
      create: { ...identity, sealedToken, expiresAt },
      update: { sealedToken, expiresAt },
    });
  }
}
