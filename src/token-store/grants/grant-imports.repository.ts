import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { AuditEntry } from '../../domain/audit-entry.js';
import { uuidOf } from '../../domain/cell.js';
import { isExtendable } from '../../domain/connect/held-grant.js';
import { sameScopes, scopeSet } from '../../domain/google/scopes.js';
import type { Account, Grant, GoogleTokenResponse } from '../../domain/grant/grant.js';
import type { Secret } from '../../domain/secret.js';
import { toAuditRow, writeAuditRows } from '../audit/audit-rows.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { Database } from '../client/database.js';
import { Outbox } from '../outbox/outbox.js';
import { type Grant as Row, Prisma, type RefreshToken } from '../prisma-client/client.js';
import { AccessTokens } from './access-tokens.js';
import { CredentialSealer } from './credential-sealer.js';
import { fromRow, NO_LEASE, NOT_REVOKING } from './grant-row.js';
import { BookRefreshToken } from './book-refresh-token.js';
import { SlotBookings } from './slot-bookings.js';

type Transaction = Prisma.TransactionClient;

/** A refresh token of another system, which Google has just accepted. */
export interface VerifiedToken {
  readonly userId: string;
  readonly client: string;
  readonly account: Account;
  /** False where only the caller named it. */
  readonly isAccountVerified: boolean;
  readonly requestedScopes: readonly string[];
  readonly grantedScopes: readonly string[];
  /** Of the refresh that verified it; `refreshToken` is the token to store. */
  readonly answer: GoogleTokenResponse & { readonly refreshToken: Secret };
  readonly replace: boolean;
  /** Only says what would happen. */
  readonly isDryRun: boolean;
  /** Who imports. */
  readonly audit: Pick<AuditEntry, 'actor' | 'serviceId' | 'requestId' | 'details'>;
  readonly now: Date;
}

export type SavedImport =
  | { readonly kind: 'imported' | 'replaced'; /** Null in a dry run. */ readonly grant: Grant | null }
  | { readonly kind: 'unchanged'; readonly grant: Grant }
  | { readonly kind: 'other_token' | 'token_in_use' | 'being_revoked' | 'dead_token' };

/**
 * Grants that come from another system. One transaction writes grant, seal, slot ledger, event and audit event. Lock order:
 * the account (advisory), then the grant's row, as in a consent (grants.repository.ts).
 * Does not own the verification at Google (grants/import-grants.ts).
 */
@Injectable()
export class GrantImportsRepository {
  constructor(
    private readonly database: Database,
    private readonly accessTokens: AccessTokens,
    private readonly credentials: CredentialSealer,
    private readonly bookRefreshToken: BookRefreshToken,
    private readonly ledger: SlotBookings,
    private readonly outbox: Outbox,
    private readonly changes: ChangeFeed,
    private readonly settings: Settings,
  ) {}

  /** Whose token it is already, by the ledger: so that an import that continues does not ask Google again. */
  async findHolder(userId: string, client: string, token: Secret): Promise<Grant | 'another' | null> {
    const booked = await this.#bookingOf(this.database, token);
    const row = booked?.current ? await this.#grantOf(this.database, booked) : null;
    if (!row || !isExtendable(fromRow(row))) return null;
    const grant = fromRow(row);
    if (grant.userId !== userId || grant.client !== client) return 'another';
    return (await this.credentials.refreshTokenOf(row)) ? grant : null;
  }

  async save(token: VerifiedToken): Promise<SavedImport> {
    const { userId, client, isDryRun } = token;
    const taken = isDryRun || !this.database.isDistributed() ? null : await this.#takeFromAnother(token);
    const saved = await this.ledger.transaction(async (tx): Promise<SavedImport> => {
      const { row, booked: found } = await this.#lock(tx, token);
      const booked = found ?? taken;
      const verdict = await this.#judge(tx, token, row, booked);
      if (typeof verdict !== 'string') return verdict;
      if (isDryRun) return { kind: verdict, grant: null };
      return { kind: verdict, grant: await this.#put(tx, token, row, booked, verdict === 'replaced') };
    });
    if ('grant' in saved && saved.kind !== 'unchanged' && saved.grant)
      this.changes.publish({ kind: 'grant', userId, client });
    return saved;
  }

  async #lock(tx: Transaction, { userId, client, account, answer }: VerifiedToken) {
    await this.ledger.lock(tx, account.sub, client);
    await tx.$queryRaw`SELECT id FROM grants WHERE user_id = ${userId} AND client = ${client}
      AND account_sub = ${account.sub} FOR UPDATE`;
    const identity = { userId, client, accountSub: account.sub };
    const row = await tx.grant.findUnique({ where: { userId_client_accountSub: identity } });
    return { row, booked: await this.#bookingOf(tx, answer.refreshToken) };
  }

  /**
   * On a cluster a token that is booked for another user, whose grant does not use it any more, is taken out of that user's ledger
   * first: the ledgers of two users may be on two servers.
   * @returns its row
   */
  async #takeFromAnother(token: VerifiedToken): Promise<RefreshToken | null> {
    const { userId, answer } = token;
    const isAnothers = (row: RefreshToken | null) => row !== null && row.userId !== userId;
    if (!isAnothers(await this.#bookingOf(this.database, answer.refreshToken))) return null;
    return this.database.$transaction(async (tx) => {
      const { row, booked } = await this.#lock(tx, token);
      if (!booked || !isAnothers(booked) || typeof (await this.#judge(tx, token, row, booked)) !== 'string')
        return null;
      const { userId: another, fingerprint } = booked;
      await tx.refreshToken.deleteMany({ where: { userId: another, fingerprint } });
      return booked;
    });
  }

  /** For any user. */
  #bookingOf(tx: Transaction, token: Secret): Promise<RefreshToken | null> {
    return tx.refreshToken.findFirst({ where: { fingerprint: this.ledger.fingerprint(token) } });
  }

  async #grantOf(tx: Transaction, { userId, grantId }: RefreshToken): Promise<Row | null> {
    return grantId === null ? null : tx.grant.findFirst({ where: { userId, id: grantId } });
  }

  /** @returns what is to be written, or why nothing is */
  async #judge(
    tx: Transaction,
    { answer, grantedScopes, replace }: VerifiedToken,
    row: Row | null,
    booked: RefreshToken | null,
  ): Promise<'imported' | 'replaced' | SavedImport> {
    const stored = row && fromRow(row);
    if (stored?.kind === 'service_account') return { kind: 'other_token' };
    if (stored?.status === 'revoking') return { kind: 'being_revoked' };
    if (booked?.endedAt && booked.endedAt > answer.obtainedAt) return { kind: 'dead_token' };
    if (booked?.current && booked.grantId !== null && booked.grantId !== stored?.id) {
      const holder = await this.#grantOf(tx, booked);
      if (holder && isExtendable(fromRow(holder))) return { kind: 'token_in_use' };
    }
    const held = await this.credentials.refreshTokenOf(row);
    if (!stored || !held) return 'imported';
    const isSame = Buffer.from(this.ledger.fingerprint(held)).equals(
      this.ledger.fingerprint(answer.refreshToken),
    );
    const isUnchanged = isSame && !(replace && !sameScopes(stored.grantedScopes, grantedScopes));
    if (isUnchanged) return { kind: 'unchanged', grant: stored };
    return replace ? 'replaced' : { kind: 'other_token' };
  }

  async #put(
    tx: Transaction,
    token: VerifiedToken,
    row: Row | null,
    booked: RefreshToken | null,
    replaced: boolean,
  ): Promise<Grant> {
    const { userId, client, account, answer, now, audit } = token;
    const id = row?.id ?? uuidOf(this.settings.cell, randomUUID());
    const columns = {
      client,
      accountSub: account.sub,
      accountEmail: account.email ?? row?.accountEmail ?? null,
      version: (row?.version ?? 0) + 1,
      requestedScopes: scopeSet([...(row?.requestedScopes ?? []), ...token.requestedScopes]),
      grantedScopes: [...token.grantedScopes],
      status: 'active' as const,
      diagnosis: Prisma.DbNull,
      consentedAt: now,
      refreshedAt: now,
      importedAt: now,
      // A token that the broker obtained itself, and lost the grant of, has an age.
      refreshTokenIssuedAt: booked && !booked.ageUnknown ? booked.issuedAt : now,
      refreshTokenExpiresAt: answer.refreshTokenExpiresAt,
      ...NO_LEASE,
      ...NOT_REVOKING,
    };
    const unsealed = await tx.grant.upsert({
      where: { userId_id: { userId, id } },
      create: { ...columns, userId, id, createdAt: now },
      update: columns,
    });
    const grant = fromRow(unsealed);
    const sealed = await this.credentials.seal(grant, answer.refreshToken);
    await tx.grant.updateMany({ where: { userId, id }, data: sealed });
    await tx.accessToken.deleteMany({ where: { userId, grantId: id } });
    // One that covers more than the grant, or may be dead, is not stored: the first call refreshes.
    const isWithin = sameScopes(answer.scopes, grant.grantedScopes);
    if (isWithin && !(await this.ledger.wasRevokedSince(tx, account.sub, client, answer.obtainedAt)))
      await this.accessTokens.put(tx, grant, grant.grantedScopes, answer);
    const isMoved = booked !== null && booked.userId !== userId;
    if (isMoved && !this.database.isDistributed())
      await tx.refreshToken.deleteMany({
        where: { userId: booked.userId, fingerprint: booked.fingerprint },
      });
    const former = isMoved
      ? { sequence: booked.sequence, issuedAt: booked.issuedAt, ageUnknown: booked.ageUnknown }
      : null;
    const { accountSub, accountVerified } = booked ?? {};
    const isAccountVerified =
      token.isAccountVerified || (accountVerified === true && accountSub === account.sub);
    await this.bookRefreshToken.book(tx, grant, answer, now, { isImported: true, isAccountVerified, former });
    await this.outbox.notify(tx, 'grant.imported', grant, now, { replaced });
    const details = { account: account.sub, scopes: grant.grantedScopes, replaced, ...audit.details };
    const entry = { at: now, action: 'grant.import', outcome: 'ok', userId, client, grantId: id } as const;
    const event = toAuditRow({ ...entry, ...audit, details });
    const { text, values } = writeAuditRows(this.database, [event]);
    await tx.$executeRawUnsafe(text, ...values);
    return grant;
  }
}
