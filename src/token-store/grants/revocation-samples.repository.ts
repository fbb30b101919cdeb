import { Injectable } from '@nestjs/common';
import type { Grant, NewRefreshToken } from '../../domain/grant/grant.js';
import type { RevocationAttempt } from '../../domain/grant/revocation.js';
import type { Secret } from '../../domain/secret.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { Database } from '../client/database.js';
import type { Grant as Row } from '../prisma-client/client.js';
import type { SealedGrant } from '../sealed/aad.js';
import { CredentialSealer } from './credential-sealer.js';
import { fromRow, sealedFrom } from './grant-row.js';
import { BookRefreshToken } from './book-refresh-token.js';
import { hasTokenUpTo } from './revocation-marks.js';
import { SlotBookings } from './slot-bookings.js';

/** A grant that is dead if Google revoked, and the refresh token that shows it. */
export interface RevocationSample {
  readonly grant: Grant;
  readonly refreshToken: Secret;
}

/** The grants that show whether Google carried out a revocation whose response was lost, and what becomes of them when they are tried. */
@Injectable()
export class RevocationSamplesRepository {
  constructor(
    private readonly database: Database,
    private readonly ledger: SlotBookings,
    private readonly bookRefreshToken: BookRefreshToken,
    private readonly credentials: CredentialSealer,
    private readonly changes: ChangeFeed,
  ) {}

  /**
   * Some of the grants that are dead if Google revoked at an earlier attempt.
   * @param among the clients that Google can be asked with
   */
  async find({ id }: RevocationAttempt, among: readonly string[], most: number): Promise<RevocationSample[]> {
    const revocation = await this.database.revocation.findUniqueOrThrow({ where: { id } });
    const { accountSub, clients, grantId } = revocation;
    const rows = await this.database.$queryRaw<{ id: string }[]>`
      SELECT grants.id FROM grants
      WHERE revocation_id IS NOT NULL AND revoking_from = 'active' AND sealed_refresh_token IS NOT NULL
        AND account_sub = ${accountSub} AND client = ANY(${clients}) AND client = ANY(${[...among]})
        AND id <> ${grantId}::uuid
        AND ${hasTokenUpTo(revocation.firstSequence)}
      LIMIT ${most}`;
    const grants = await this.database.grant.findMany({ where: { id: { in: rows.map((row) => row.id) } } });
    const opened = await Promise.all(
      grants.map(async (row) => {
        const refreshToken = await this.#open(row);
        return refreshToken && { grant: fromRow(row), refreshToken };
      }),
    );
    return opened.filter((sample) => sample !== null);
  }

  /**
   * Stores the refresh token that Google gave for the one that was tried. No lease can be taken of a grant under revocation, and
   * another replica may finish the revocation meanwhile: what decides is whether the grant still has the token that was tried.
   */
  async saveRotated(
    { grant: { userId, id, client, account }, refreshToken }: RevocationSample,
    answer: NewRefreshToken,
    now: Date,
  ): Promise<void> {
    await this.ledger.transaction(async (tx) => {
      // Lock order as in a consent: the account, then the row.
      await this.ledger.lock(tx, account.sub, client);
      await tx.$queryRaw`SELECT id FROM grants WHERE user_id = ${userId} AND id = ${id}::uuid FOR UPDATE`;
      const row = await tx.grant.findFirst({ where: { userId, id } });
      const held = row && (await this.#open(row));
      if (!row || !held?.equals(refreshToken)) {
        await this.bookRefreshToken.bookUnused(tx, { userId, account, client, answer, now });
        return;
      }
      const dates = this.bookRefreshToken.dates(answer, now);
      const changed: SealedGrant = { ...sealedFrom(row), ...dates, version: row.version + 1 };
      const sealed = await this.credentials.seal(changed, answer.refreshToken ?? refreshToken);
      await tx.grant.updateMany({
        where: { userId, id },
        data: { ...dates, ...sealed, version: { increment: 1 } },
      });
      // Each is bound to the former version.
      await tx.accessToken.deleteMany({ where: { userId, grantId: id } });
      await this.bookRefreshToken.book(tx, changed, answer, now);
    });
    this.changes.publish({ kind: 'grant', userId, client });
  }

  #open(row: Row): Promise<Secret | null> {
    const { sealedRefreshToken: sealed, credentialVersion } = row;
    if (sealed === null) return Promise.resolve(null);
    return this.credentials.tryOpen(sealedFrom(row), { sealed, credentialVersion });
  }
}
