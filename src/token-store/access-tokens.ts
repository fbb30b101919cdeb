import { Injectable } from '@nestjs/common';
import type { AccessToken, TokenAnswer } from '../domain/grant.js';
import type { GrantWithTokens } from '../domain/ports/grant-store.js';
import { Sealer } from '../domain/ports/sealer.js';
import { scopeKey, scopeSet } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';
import { Database } from './database.js';
import { fromRow } from './grant-row.js';
import { accessTokenPlace } from './places.js';
import type { Grant as GrantRow, Prisma } from './prisma-client/client.js';

interface TokenRow {
  readonly scope_set: string;
  readonly sealed_token: string;
  readonly obtained_ms: number;
  readonly expires_ms: number;
}

type Row = GrantRow & { readonly tokens: readonly TokenRow[] | null };

/** The newest access token of a grant for each set of scopes that was asked for. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
  ) {}

  /** One query: Prisma's own joins would need two. */
  async ofUser(userId: string, client: string, now: Date): Promise<GrantWithTokens[]> {
    const text = `
      SELECT id, kind, user_id AS "userId", client, account_sub AS "accountSub", account_email AS "accountEmail", subject,
        requested_scopes AS "requestedScopes", granted_scopes AS "grantedScopes", status, diagnosis, revocation_id AS "revocationId",
        refresh_token_issued_at AS "refreshTokenIssuedAt", refresh_token_expires_at AS "refreshTokenExpiresAt",
        version, refreshes, created_at AS "createdAt", consented_at AS "consentedAt", refreshed_at AS "refreshedAt",
        (SELECT json_agg(json_build_object('scope_set', scope_set, 'sealed_token', sealed_token,
            'obtained_ms', extract(epoch FROM obtained_at) * 1000, 'expires_ms', extract(epoch FROM expires_at) * 1000))
          FROM access_tokens WHERE grant_id = grants.id AND expires_at > $3) AS tokens
      FROM grants WHERE user_id = $1 AND client = $2 ORDER BY created_at`;
    const rows = await this.database.prepared<Row>('grants with tokens', text, [userId, client, now]);
    return Promise.all(rows.map((row) => this.#withTokens(row)));
  }

  async put(
    tx: Prisma.TransactionClient,
    grantId: string,
    scopes: readonly string[],
    answer: TokenAnswer,
  ): Promise<void> {
    const { obtainedAt, expiresAt } = answer;
    const identity = { grantId, scopeSet: scopeKey(scopes) };
    const sealedToken = await this.seal(grantId, identity.scopeSet, answer.accessToken);
    await tx.accessToken.upsert({
      where: { grantId_scopeSet: identity },
      create: { ...identity, sealedToken, obtainedAt, expiresAt },
      update: { sealedToken, obtainedAt, expiresAt },
    });
  }

  seal(grantId: string, key: string, token: Secret): Promise<string> {
    return this.sealer.seal(token, accessTokenPlace(grantId, key));
  }

  async #withTokens({ tokens, ...row }: Row): Promise<GrantWithTokens> {
    const grant = fromRow(row);
    const opened = await Promise.all(
      (tokens ?? []).map(async (each): Promise<[string, AccessToken]> => [
        each.scope_set,
        {
          token: await this.sealer.open(each.sealed_token, accessTokenPlace(grant.id, each.scope_set)),
          obtainedAt: new Date(each.obtained_ms),
          expiresAt: new Date(each.expires_ms),
          scopes: scopeSet(each.scope_set.split(' ')),
        },
      ]),
    );
    return { grant, tokens: new Map(opened) };
  }
}
