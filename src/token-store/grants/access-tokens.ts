import { Injectable } from '@nestjs/common';
import { scopeKey, scopeSet } from '../../domain/google/scopes.js';
import type { GrantWithTokens } from '../../domain/grant/consent.js';
import { type AccessToken, type Grant, isDead, type GoogleTokenResponse } from '../../domain/grant/grant.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import { Database } from '../client/database.js';
import { SharedStatement, type SharedText } from '../client/shared-statement.js';
import { StatementBatch } from '../client/statement-batch.js';
import type { Prisma } from '../prisma-client/client.js';
import { accessTokenAad, type SealedGrant } from '../sealed/aad.js';
import { CredentialSealer } from './credential-sealer.js';
import { fromRow, type GrantWithTokensRow, type TokenRow } from './grant-row.js';
import { GrantWatermarks } from './grant-watermarks.js';
import { ShardRead } from './shard-read.js';

/** @property place of the user who asked, from 1 */
type ReadRow = GrantWithTokensRow & { readonly place: number };

interface TokensOfUser {
  readonly userId: string;
  readonly client: string;
  /** Tokens that have expired by then are left out. */
  readonly now: Date;
}

/** Of `grants`, with the access tokens that have not expired. */
const columns = (tokens: string, isUser: string, now: string) => `
    id, kind, grants.user_id AS "userId", grants.client, account_sub AS "accountSub",
    account_email AS "accountEmail", subject, requested_scopes AS "requestedScopes", granted_scopes AS "grantedScopes", status,
    diagnosis, revocation_id AS "revocationId",
    refresh_token_issued_at AS "refreshTokenIssuedAt", refresh_token_expires_at AS "refreshTokenExpiresAt",
    imported_at AS "importedAt", version, refreshes, created_at AS "createdAt", consented_at AS "consentedAt", refreshed_at AS "refreshedAt",
    coalesce(sealed_refresh_token, sealed_key) AS credential, credential_version AS "credentialVersion",
    revoking_from AS "revokingFrom",
    (SELECT json_agg(json_build_object('scope_set', scope_set, 'sealed_token', sealed_token,
        'obtained_ms', extract(epoch FROM obtained_at) * 1000, 'expires_ms', extract(epoch FROM expires_at) * 1000,
        'replaces_refused', replaces_refused))
      FROM ${tokens} WHERE ${isUser} AND grant_id = grants.id AND expires_at > ${now}) AS tokens`;

/** Of several users, in one query: Prisma's own joins would need two. */
const READ_TYPES = ['text', 'text', 'timestamptz'];
const read: SharedText = ({ asked, isUser }) => `
  SELECT asked.place::integer, ${columns('access_tokens', isUser('access_tokens.user_id'), 'asked.now')}
  FROM ${asked('user_id, client, now')}
    JOIN grants ON ${isUser('grants.user_id')} AND grants.client = asked.client
  ORDER BY created_at`;

const NO_TOKENS: ReadonlyMap<string, AccessToken> = new Map();

/**
 * The newest access token of a grant for each requested set of scopes, sealed to the grant and its credential's version; and
 * the one SELECT of a cold read, which proves each grant that it returns.
 * Does not own how the token of a refresh is stored: save-refresh.ts does that in one statement.
 */
@Injectable()
export class AccessTokens {
  readonly #grantsWithTokens: SharedStatement<ReadRow>;
  readonly #ofShard: ShardRead;
  readonly #reads = new StatementBatch<TokensOfUser, ReadRow[]>(
    (asked) => this.#read(asked),
    () => this.database.isDistributed(),
  );

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly credentials: CredentialSealer,
    private readonly watermarks: GrantWatermarks,
    private readonly reporter: IntegrityReporter,
  ) {
    this.#grantsWithTokens = new SharedStatement(database, 'grants with tokens', READ_TYPES, read);
    this.#ofShard = new ShardRead(database, (tokens) => columns(tokens, 'access_tokens.user_id = $1', '$3'));
  }

  async ofUser(userId: string, client: string, now: Date): Promise<GrantWithTokens[]> {
    const before = this.watermarks.before(userId, client);
    const found = this.database.isDistributed() ? await this.#ofShard.run(userId, client, now) : null;
    const rows = found ?? (await this.#reads.add({ userId, client, now })) ?? [];
    const older = this.watermarks.judge(userId, client, before, rows);
    return Promise.all(rows.map((row) => this.#withTokens(row, older.has(row.id))));
  }

  async #read(asked: readonly TokensOfUser[]): Promise<ReadRow[][]> {
    const inputs = asked.map(({ userId, client, now }) => [userId, client, now]);
    const rows = await this.#grantsWithTokens.run(inputs, false);
    const found: ReadRow[][] = asked.map(() => []);
    for (const row of rows) found[row.place - 1]?.push(row);
    return found;
  }

  /** @param grant as it was just sealed */
  async put(
    tx: Prisma.TransactionClient,
    grant: Grant,
    scopes: readonly string[],
    answer: GoogleTokenResponse,
    replacesRefused = false,
  ): Promise<void> {
    const { obtainedAt, expiresAt } = answer;
    const identity = { userId: grant.userId, grantId: grant.id, scopeSet: scopeKey(scopes) };
    const sealedToken = await this.seal(grant, grant.version, identity.scopeSet, answer);
    await tx.accessToken.upsert({
      where: { userId_grantId_scopeSet: identity },
      create: { ...identity, sealedToken, obtainedAt, expiresAt, replacesRefused },
      update: { sealedToken, obtainedAt, expiresAt, replacesRefused },
    });
  }

  /**
   * Those that Google still accepts, for a grant whose refresh token alone has changed: each is bound to the former version.
   * @param grant as it was just sealed
   */
  async reseal(
    tx: Prisma.TransactionClient,
    grant: Grant,
    former: { readonly grant: Grant; readonly credentialVersion: number },
    now: Date,
  ): Promise<void> {
    const where = { userId: grant.userId, grantId: grant.id, expiresAt: { gt: now } };
    for (const { scopeSet: key, ...row } of await tx.accessToken.findMany({ where })) {
      const { obtainedAt, expiresAt, sealedToken: sealed_token, replacesRefused: replaces_refused } = row;
      const times = { obtained_ms: obtainedAt.getTime(), expires_ms: expiresAt.getTime() };
      const kept = { scope_set: key, sealed_token, replaces_refused, ...times };
      const [, opened] = (await this.#open(former.grant, former.credentialVersion, kept)) ?? [];
      const identity = { userId: grant.userId, grantId: grant.id, scopeSet: key };
      if (!opened) {
        await tx.accessToken.deleteMany({ where: identity });
        continue;
      }
      const aad = accessTokenAad(grant, grant.version, key, { obtainedAt, expiresAt });
      const sealedToken = await this.sealer.seal(opened.token, aad);
      await tx.accessToken.updateMany({ where: identity, data: { sealedToken } });
    }
    await tx.accessToken.deleteMany({
      where: { userId: grant.userId, grantId: grant.id, expiresAt: { lte: now } },
    });
  }

  seal(grant: Grant, credentialVersion: number, key: string, answer: GoogleTokenResponse): Promise<string> {
    return this.sealer.seal(answer.accessToken, accessTokenAad(grant, credentialVersion, key, answer));
  }

  /** Leaves out what the broker did not write, with an alarm; the user's other grants are not affected. */
  async #withTokens(
    { tokens, credential, ...row }: GrantWithTokensRow,
    isOlder: boolean,
  ): Promise<GrantWithTokens> {
    const grant = fromRow(row);
    if (isOlder) {
      this.reporter.report({
        kind: 'rollback',
        id: grant.id,
        reason: `Version ${grant.version} came back after this process had seen a newer one, or the end of the grant.`,
      });
      return { grant, tokens: NO_TOKENS, isIntact: false };
    }
    // Proves the row: a grant whose tokens have expired has no access token to prove it.
    const isIntact = await this.#isIntact(
      { ...grant, revokingFrom: row.revokingFrom },
      credential,
      row.credentialVersion,
    );
    const opened = isIntact
      ? await Promise.all((tokens ?? []).map((each) => this.#open(grant, row.credentialVersion ?? 0, each)))
      : [];
    return { grant, tokens: new Map(opened.flatMap((token) => (token ? [token] : []))), isIntact };
  }

  async #isIntact(
    grant: SealedGrant,
    sealed: string | null,
    credentialVersion: number | null,
  ): Promise<boolean> {
    if (sealed !== null)
      return (await this.credentials.tryOpen(grant, { sealed, credentialVersion })) !== null;
    if (isDead(grant)) return true;
    const reason = `A grant that is ${grant.status} has no credential: it was taken away, or a dead grant was called ${grant.status}.`;
    this.reporter.report({ kind: 'credential', id: grant.id, reason });
    return false;
  }

  async #open(grant: Grant, credentialVersion: number, row: TokenRow): Promise<[string, AccessToken] | null> {
    const { scope_set: key, sealed_token: sealed, replaces_refused: replacesRefused } = row;
    const times = { obtainedAt: new Date(row.obtained_ms), expiresAt: new Date(row.expires_ms) };
    if (Object.values(times).some((time) => Number.isNaN(time.getTime()))) {
      this.reporter.report({ kind: 'access_token', id: grant.id, reason: 'Its times are not valid.' });
      return null;
    }
    try {
      const token = await this.sealer.open(sealed, accessTokenAad(grant, credentialVersion, key, times));
      return [key, { token, ...times, scopes: scopeSet(key.split(' ')), replacesRefused }];
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.reporter.report({ kind: 'access_token', id: grant.id, reason: error.message });
      return null;
    }
  }
}
