import { Injectable } from '@nestjs/common';
import { commonScopes, sameScopes, scopeKey } from '../../domain/google/scopes.js';
import type { Grant, GoogleTokenResponse, NewRefreshToken } from '../../domain/grant/grant.js';
import { type Lease, secretOf } from '../../domain/grant/lease-and-backoff.js';
import type { GrantChange } from '../../domain/grant/refresh-outcome.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { Database } from '../client/database.js';
import { SharedStatement, type SharedText } from '../client/shared-statement.js';
import { StatementBatch } from '../client/statement-batch.js';
import { Outbox } from '../outbox/outbox.js';
import { AccessTokens } from './access-tokens.js';
import { CredentialSealer } from './credential-sealer.js';
import { NO_LEASE } from './grant-row.js';
import { BookRefreshToken } from './book-refresh-token.js';
import { SAVE_TOKEN_FUNCTION } from '../distributed/distributed-tables.js';
import { SlotBookings } from './slot-bookings.js';

/**
 * For the transaction of this one statement: a crash of PostgreSQL may forget a lease or an access token of the last
 * moment, and both come again by asking Google once more. What cannot come again waits for the disk as always.
 */
export const WITHOUT_WAITING_FOR_DISK = `set_config('synchronous_commit', 'off', true) IS NOT NULL`;

interface NewToken {
  readonly grant: Grant;
  readonly owner: string;
  readonly now: Date;
  readonly scopeSet: string;
  readonly sealed: string;
  readonly obtainedAt: Date;
  readonly expiresAt: Date;
  readonly replacesRefused: boolean;
}

/** With a change of a grant: the token that came with it, or how long none is to be asked for. */
interface AlsoSaved {
  readonly token?: { readonly scopes: readonly string[]; readonly answer: GoogleTokenResponse } | null;
  readonly backoffMs?: number;
}

/** Saves several tokens; each only under its lease, and if its grant is as it was read. */
const save: SharedText = ({ asked, isUser, skipLocked }) => `
  WITH held AS (
    SELECT grants.id, asked.*
    FROM ${asked('user_id, grant_id, version, owner, now, scope_set, sealed_token, obtained_at, expires_at, replaces_refused')}
      JOIN grants ON ${isUser('grants.user_id')} AND grants.id = asked.grant_id AND grants.version = asked.version
        AND grants.lease_owner = asked.owner
    WHERE ${WITHOUT_WAITING_FOR_DISK}
    FOR NO KEY UPDATE OF grants ${skipLocked}),
  refreshed AS (
    UPDATE grants SET refreshed_at = held.now, refreshes = refreshes + 1, refresh_failures = 0,
      lease_owner = NULL, lease_expires_at = NULL, lease_awaited = false
    FROM held WHERE grants.user_id = held.user_id AND grants.id = held.id
    RETURNING grants.user_id, grants.id, held.owner, held.scope_set, held.sealed_token, held.obtained_at, held.expires_at, held.replaces_refused),
  stored AS (
    INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at, replaces_refused)
    SELECT user_id, id, scope_set, sealed_token, obtained_at, expires_at, replaces_refused FROM refreshed
    ON CONFLICT (user_id, grant_id, scope_set) DO UPDATE SET sealed_token = excluded.sealed_token,
      obtained_at = excluded.obtained_at, expires_at = excluded.expires_at, replaces_refused = excluded.replaces_refused)
  SELECT owner FROM refreshed`;
const SAVE_TYPES = 'text uuid integer uuid timestamptz text text timestamptz timestamptz boolean'.split(' ');

/** Stores the response of a refresh and ends its lease, in one statement or transaction. */
@Injectable()
export class SaveRefresh {
  readonly #save: SharedStatement<{ owner: string }>;
  readonly #saves = new StatementBatch<NewToken, true>(
    (tokens, isAlone) => this.#saveAll(tokens, isAlone),
    () => this.database.isDistributed(),
  );

  constructor(
    private readonly database: Database,
    private readonly accessTokens: AccessTokens,
    private readonly bookRefreshToken: BookRefreshToken,
    private readonly ledger: SlotBookings,
    private readonly outbox: Outbox,
    private readonly changes: ChangeFeed,
    private readonly credentials: CredentialSealer,
  ) {
    this.#save = new SharedStatement(database, 'save token', SAVE_TYPES, save, SAVE_TOKEN_FUNCTION);
  }

  /** @returns the grant as it is now; null when it changed meanwhile, and nothing was written */
  async save(
    lease: Lease,
    scopes: readonly string[],
    answer: GoogleTokenResponse,
    now: Date,
  ): Promise<Grant | null> {
    const { grant } = lease;
    const isNarrowed =
      sameScopes(scopes, grant.grantedScopes) && !sameScopes(answer.scopes, grant.grantedScopes);
    if (!isNarrowed && answer.refreshToken === null) return this.#saveToken(lease, scopes, answer, now);
    const left = isNarrowed ? answer.scopes : grant.grantedScopes;
    return this.#saveChange(
      lease,
      left,
      answer,
      { token: { scopes: isNarrowed ? answer.scopes : scopes, answer } },
      now,
    );
  }

  /** @returns as `save` does */
  saveGrant(lease: Lease, { scopes, issued, backoffMs = 0 }: GrantChange, now: Date): Promise<Grant | null> {
    return this.#saveChange(lease, scopes, issued, { backoffMs }, now);
  }

  /** Nearly every refresh: a new access token and nothing else, in one statement with others. */
  async #saveToken(
    { grant, owner, credentialVersion, replacesRefused }: Lease,
    scopes: readonly string[],
    answer: GoogleTokenResponse,
    now: Date,
  ): Promise<Grant | null> {
    const key = scopeKey(scopes);
    const sealed = await this.accessTokens.seal(grant, credentialVersion, key, answer);
    const { obtainedAt, expiresAt } = answer;
    const isSaved = await this.#saves.add({
      grant,
      owner,
      now,
      scopeSet: key,
      sealed,
      obtainedAt,
      expiresAt,
      replacesRefused,
    });
    return isSaved ? { ...grant, refreshedAt: now, refreshes: grant.refreshes + 1 } : null;
  }

  async #saveAll(tokens: readonly NewToken[], isAlone: boolean): Promise<(true | null)[]> {
    const inputs = tokens.map((each) => [
      each.grant.userId,
      each.grant.id,
      each.grant.version,
      each.owner,
      each.now,
      each.scopeSet,
      each.sealed,
      each.obtainedAt,
      each.expiresAt,
      each.replacesRefused,
    ]);
    const rows = await this.#save.run(inputs, isAlone);
    const owners = new Set(rows.map(({ owner }) => owner));
    return tokens.map(({ owner }) => owners.has(owner) || null);
  }

  /** Google sent another refresh token, or other scopes than the grant's: the grant itself changes. */
  async #saveChange(
    { grant, owner, credential, credentialVersion, failures, replacesRefused }: Lease,
    left: readonly string[],
    issued: NewRefreshToken,
    { token = null, backoffMs = 0 }: AlsoSaved,
    now: Date,
  ): Promise<Grant | null> {
    const { id, userId, version, refreshes } = grant;
    const isNarrowed = !sameScopes(left, grant.grantedScopes);
    // A refresh never widens a grant.
    const granted = isNarrowed ? { grantedScopes: commonScopes(grant.grantedScopes, left) } : {};
    const changed: Grant = {
      ...grant,
      ...granted,
      ...this.bookRefreshToken.dates(issued, now),
      refreshedAt: now,
      version: version + 1,
      refreshes: refreshes + 1,
    };
    const secret = issued.refreshToken ?? secretOf(credential);
    const sealed = await this.credentials.seal(changed, secret);
    const saved = await this.ledger.transaction(async (tx) => {
      // Lock order as in a consent: the account, then the row.
      if (issued.refreshToken !== null) await this.ledger.lock(tx, grant.account.sub, grant.client);
      const { count } = await tx.grant.updateMany({
        where: { userId, id, version, leaseOwner: owner },
        data: {
          ...NO_LEASE,
          ...granted,
          ...this.bookRefreshToken.dates(issued, now),
          ...sealed,
          refreshedAt: now,
          version: { increment: 1 },
          refreshes: { increment: 1 },
        },
      });
      if (count === 0) return false;
      if (backoffMs > 0) {
        await tx.$executeRaw`
          UPDATE grants SET lease_expires_at = now() + ${backoffMs}::float8 * interval '1 millisecond',
            refresh_failures = ${failures + 1}
          WHERE user_id = ${userId} AND id = ${id}::uuid`;
      }
      // Without a token, a broken answer is as an outage: what Google gave before is still served. Each is bound to the former version.
      if (token || isNarrowed) await tx.accessToken.deleteMany({ where: { userId, grantId: id } });
      else await this.accessTokens.reseal(tx, changed, { grant, credentialVersion }, now);
      if (isNarrowed) await this.outbox.notify(tx, 'grant.scopes_changed', changed, now);
      if (token) await this.accessTokens.put(tx, changed, token.scopes, token.answer, replacesRefused);
      if (issued.refreshToken !== null) {
        const asBefore = await this.ledger.asBefore(tx, userId, secretOf(credential));
        await this.bookRefreshToken.book(tx, changed, issued, now, asBefore);
      }
      if (issued.refreshToken === null) await this.ledger.sign(tx, changed, secret);
      return true;
    });
    if (!saved) return null;
    this.changes.publish({ kind: 'grant', userId: grant.userId, client: grant.client });
    return changed;
  }
}
