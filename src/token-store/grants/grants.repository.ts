import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { uuidOf } from '../../domain/cell.js';
import { isExtendable } from '../../domain/connect/held-grant.js';
import { judgeConsent } from '../../domain/connect/judge-consent.js';
import { commonScopes, missingScopes, sameScopes, scopeSet } from '../../domain/google/scopes.js';
import { Consent, GrantWithTokens, SavedConsent } from '../../domain/grant/consent.js';
import type { Grant } from '../../domain/grant/grant.js';
import type { Secret } from '../../domain/secret.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { type UserOrAll, whereUser } from '../client/change-by-user.js';
import { Database } from '../client/database.js';
import { ConnectTicketsRepository } from '../connects/connect-tickets.repository.js';
import { takeConsent } from '../connects/pending-consents.repository.js';
import { takeExchange } from '../connects/pending-exchanges.repository.js';
import { Outbox } from '../outbox/outbox.js';
import { Prisma } from '../prisma-client/client.js';
import { AccessTokens } from './access-tokens.js';
import { CredentialSealer } from './credential-sealer.js';
import { deleteGrant, disconnected, endTokens } from './dead-grants.js';
import { fromRow, NO_LEASE, NOT_REVOKING } from './grant-row.js';
import { BookRefreshToken } from './book-refresh-token.js';
import { SlotBookings } from './slot-bookings.js';
import { findByIdAlone } from './user-of-grant.js';

/** A consent that takes longer waited for the app or for Google's keys: a security event meanwhile did not drop its access token. */
const MAX_SAVE_MS = 30_000;

/**
 * Grants and their tokens. Every change raises the grant's version, in one transaction with its tokens, the slot ledger and the
 * event for the app. Lock order: the account (advisory), then the grant's row.
 * Does not own refreshes (refresh-lease.repository.ts), the lists of the API (grant-lists.repository.ts) nor revocations
 * (revocations.repository.ts).
 */
@Injectable()
export class GrantsRepository {
  constructor(
    private readonly database: Database,
    private readonly accessTokens: AccessTokens,
    private readonly credentials: CredentialSealer,
    private readonly bookRefreshToken: BookRefreshToken,
    private readonly ledger: SlotBookings,
    private readonly outbox: Outbox,
    private readonly changes: ChangeFeed,
    private readonly tickets: ConnectTicketsRepository,
    private readonly settings: Settings,
  ) {}

  /**
   * Stores the result of a consent, as far as it was requested (judge-consent.ts), in one transaction. Without a new refresh
   * token the stored one is kept.
   */
  async saveConsent(consent: Consent): Promise<SavedConsent> {
    const { userId, client, account, answer, now } = consent;
    const saved = await this.ledger.transaction(async (tx): Promise<SavedConsent> => {
      const identity = { userId, client, accountSub: account.sub };
      // Before all other locks. What its service cancelled meanwhile yields no grant.
      const ticket = consent.ticket && (await this.tickets.lock(tx, consent.ticket.id));
      if (consent.ticket && !ticket)
        return { kind: (await this.#take(tx, consent)) ? 'ticket_ended' : 'gone' };
      // Also serialises the first two consents of one grant, when there is no row to lock yet.
      await this.ledger.lock(tx, account.sub, client);
      // Also waits for a concurrent markDead or disconnect: the credential that is kept below must be current.
      await tx.$queryRaw`SELECT id FROM grants WHERE user_id = ${userId} AND client = ${client}
        AND account_sub = ${account.sub} FOR UPDATE`;
      const row = await tx.grant.findUnique({ where: { userId_client_accountSub: identity } });
      const stored = row && fromRow(row);
      const kept = await this.credentials.refreshTokenOf(row);
      // The row of an active grant counts only if its credential proves it.
      const held = stored && isExtendable(stored) && kept !== null ? stored : null;
      if (held && answer.obtainedAt < held.consentedAt) {
        const result = await this.#keepNewer(tx, consent, held);
        return this.tickets.endBy(tx, ticket, consent, result);
      }
      const verdict = judgeConsent({
        requested: consent.requestedScopes,
        answered: answer.scopes,
        hasRefreshToken: answer.refreshToken !== null,
        includedGranted: consent.includedGranted,
        mayNarrow: consent.mayNarrow,
        held: held && { scopes: held.grantedScopes, isActive: held.status === 'active' },
      });
      if (verdict.kind !== 'store') return verdict;
      const refreshToken = answer.refreshToken ?? kept;
      if (refreshToken === null) return { kind: 'no_refresh_token' };
      // A consent can wait, for the app or for Google's keys, and its account be revoked meanwhile.
      if (answer.refreshToken && (await this.ledger.isEnded(tx, userId, answer.refreshToken)))
        return { kind: 'no_refresh_token' };
      const hasWaited = now.getTime() - answer.obtainedAt.getTime() > MAX_SAVE_MS;
      const mayBeDead =
        hasWaited || (await this.ledger.wasRevokedSince(tx, account.sub, client, answer.obtainedAt));
      const keepsToken = verdict.isTokenWithin && !mayBeDead;
      if (!(await this.#take(tx, consent))) return { kind: 'gone' };
      const before = stored && isExtendable(stored) ? held : stored;
      const grant = await this.#put(
        tx,
        consent,
        refreshToken,
        { granted: verdict.granted, keepsToken },
        {
          id: stored?.id ?? uuidOf(this.settings.cell, randomUUID()),
          version: stored?.version ?? 0,
          email: stored?.account.email ?? null,
          requestedScopes: before?.requestedScopes ?? [],
        },
      );
      if (row?.status !== 'active') await this.outbox.notify(tx, 'grant.connected', grant, now);
      else if (stored && !sameScopes(stored.grantedScopes, grant.grantedScopes)) {
        await this.outbox.notify(tx, 'grant.scopes_changed', grant, now);
      }
      const { unrequested } = verdict;
      return this.tickets.endBy(tx, ticket, consent, { kind: 'saved', grant, unrequested });
    });
    if (saved.kind === 'saved') this.#notify(saved.grant);
    return saved;
  }

  /** @returns false when another replica has finished the exchange or the consent */
  async #take(tx: Prisma.TransactionClient, { exchangeId, codeHash }: Consent): Promise<boolean> {
    return (await takeExchange(tx, exchangeId)) && takeConsent(tx, codeHash);
  }

  /** Google answered before it answered the stored consent: the token of that one stays, and this one is booked as unused. */
  async #keepNewer(tx: Prisma.TransactionClient, consent: Consent, held: Grant): Promise<SavedConsent> {
    const { userId, client, account, requestedScopes, answer, now } = consent;
    const given = commonScopes(answer.scopes, requestedScopes);
    if (missingScopes(given, held.grantedScopes).length > 0) return { kind: 'narrower' };
    if (!(await this.#take(tx, consent))) return { kind: 'gone' };
    await this.bookRefreshToken.bookUnused(tx, { userId, account, client, answer, now });
    return { kind: 'saved', grant: held, unrequested: [] };
  }

  async #put(
    tx: Prisma.TransactionClient,
    { userId, client, account, answer, now, requestedScopes }: Consent,
    refreshToken: Secret,
    { granted, keepsToken }: { readonly granted: readonly string[]; readonly keepsToken: boolean },
    before: {
      readonly id: string;
      readonly version: number;
      readonly email: string | null;
      readonly requestedScopes: readonly string[];
    },
  ): Promise<Grant> {
    const { id } = before;
    const columns = {
      client,
      accountSub: account.sub,
      version: before.version + 1,
      accountEmail: account.email ?? before.email,
      requestedScopes: scopeSet([...before.requestedScopes, ...requestedScopes]),
      grantedScopes: [...granted],
      status: 'active' as const,
      diagnosis: Prisma.DbNull,
      // When Google answered: a consent can wait, and a newer one be stored meanwhile.
      consentedAt: answer.obtainedAt,
      refreshedAt: now,
      ...this.bookRefreshToken.dates(answer, now),
      ...NO_LEASE,
      ...NOT_REVOKING,
    };
    const unsealed = await tx.grant.upsert({
      where: { userId_id: { userId, id } },
      create: { refreshTokenIssuedAt: now, ...columns, userId, id, createdAt: now },
      update: columns,
    });
    const grant = fromRow(unsealed);
    // The seal is bound to what was just written, also of a token that stays.
    await tx.grant.updateMany({
      where: { userId, id },
      data: await this.credentials.seal(grant, refreshToken),
    });
    // Former tokens cover other scopes, perhaps more than the user allows now.
    await tx.accessToken.deleteMany({ where: { userId, grantId: id } });
    // One that covers more than the grant, or may be dead, is not stored: the first call refreshes.
    if (keepsToken) await this.accessTokens.put(tx, grant, scopeSet(answer.scopes), answer);
    await this.bookRefreshToken.book(tx, grant, answer, now);
    if (answer.refreshToken === null) await this.ledger.sign(tx, grant, refreshToken);
    return grant;
  }

  /** @param userId where it is known: of many servers one is asked, and not all */
  async findById(id: string, userId?: string): Promise<Grant | null> {
    const read = (user: UserOrAll) => this.database.grant.findFirst({ where: { ...whereUser(user), id } });
    const find = (user: UserOrAll) => this.database.aboutUser(user, () => read(user));
    const row = await (userId === undefined ? findByIdAlone(this.database, id, find) : find(userId));
    return row && fromRow(row);
  }

  async findByUser(userId: string, client?: string): Promise<Grant[]> {
    const rows = await this.database.grant.findMany({
      where: { userId, ...(client === undefined ? {} : { client }) },
      orderBy: { createdAt: 'asc' },
    });
    return rows.map(fromRow);
  }

  /** In one query (access-tokens.ts). Expired tokens are left out. */
  findWithTokens(userId: string, client: string, now: Date): Promise<GrantWithTokens[]> {
    return this.accessTokens.ofUser(userId, client, now);
  }

  /** Without grants whose stored values are not as the broker wrote them. */
  async findVerified(userId: string, client: string, now: Date): Promise<Grant[]> {
    const all = await this.findWithTokens(userId, client, now);
    return all.filter(({ isIntact }) => isIntact).map(({ grant }) => grant);
  }

  /**
   * Deletes the grant and its tokens here, unless its user consented again since. A revocation that was begun continues.
   * @param revokedAtGoogle false: the ledger keeps the slot, because Google does
   * @returns false where nothing was deleted: the grant changed since it was read, or is gone
   */
  async delete(grant: Grant, revokedAtGoogle: boolean, now: Date): Promise<boolean> {
    const isDeleted = await this.database.$transaction(async (tx) => {
      const change = { where: sameConsent(grant), data: { version: { increment: 1 } } };
      if ((await tx.grant.updateMany(change)).count === 0) return false;
      if (revokedAtGoogle) await endTokens(tx, grant.userId, [grant.id], 'revoked', now);
      await deleteGrant(tx, grant, grant.refreshedAt ?? grant.consentedAt);
      await this.outbox.notify(tx, 'grant.disconnected', disconnected(grant), now, {
        revoked_at_google: revokedAtGoogle,
      });
      return true;
    });
    this.#notify(grant);
    return isDeleted;
  }

  #notify({ userId, client }: Grant): void {
    this.changes.publish({ kind: 'grant', userId, client });
  }
}

/** A user who consented again in between keeps the new grant, however long ending the old one took. */
function sameConsent({ userId, id, consentedAt }: Grant) {
  return { userId, id, consentedAt };
}
