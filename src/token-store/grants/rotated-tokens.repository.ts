import { Injectable } from '@nestjs/common';
import type { Grant, NewRefreshToken } from '../../domain/grant/grant.js';
import type { Secret } from '../../domain/secret.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import type { SealedGrant } from '../sealed/aad.js';
import { BookRefreshToken } from './book-refresh-token.js';
import { CredentialSealer } from './credential-sealer.js';
import { sealedFrom } from './grant-row.js';
import { SlotBookings } from './slot-bookings.js';

/**
 * Stores a refresh token that Google gave for another one, without a lease: the grant is under revocation, or has changed meanwhile.
 * Does not own the usual way, in which a refresh ends its lease (save-refresh.ts).
 */
@Injectable()
export class RotatedTokensRepository {
  constructor(
    private readonly ledger: SlotBookings,
    private readonly bookRefreshToken: BookRefreshToken,
    private readonly credentials: CredentialSealer,
    private readonly changes: ChangeFeed,
  ) {}

  /**
   * What decides is whether the grant still has the token that Google was asked with. Otherwise the new one becomes no grant's, and
   * is booked, because it takes a slot all the same.
   */
  async save(
    { userId, id, client, account }: Pick<Grant, 'userId' | 'id' | 'client' | 'account'>,
    sent: Secret,
    answer: NewRefreshToken,
    now: Date,
  ): Promise<void> {
    await this.ledger.transaction(async (tx) => {
      // Lock order as in a consent: the account, then the row.
      await this.ledger.lock(tx, account.sub, client);
      await tx.$queryRaw`SELECT id FROM grants WHERE user_id = ${userId} AND id = ${id}::uuid FOR UPDATE`;
      const asBefore = await this.ledger.asBefore(tx, userId, sent);
      const row = await tx.grant.findFirst({ where: { userId, id } });
      const held = row && (await this.credentials.heldRefreshTokenOf(row));
      if (!row || !held?.equals(sent)) {
        const unused = { userId, account, client, answer, now };
        await this.bookRefreshToken.bookUnused(tx, unused, asBefore);
        return;
      }
      const dates = this.bookRefreshToken.dates(answer, now);
      const changed: SealedGrant = { ...sealedFrom(row), ...dates, version: row.version + 1 };
      const sealed = await this.credentials.seal(changed, answer.refreshToken ?? sent);
      await tx.grant.updateMany({
        where: { userId, id },
        data: { ...dates, ...sealed, version: { increment: 1 } },
      });
      // Each is bound to the former version.
      await tx.accessToken.deleteMany({ where: { userId, grantId: id } });
      await this.bookRefreshToken.book(tx, changed, answer, now, asBefore);
    });
    this.changes.publish({ kind: 'grant', userId, client });
  }
}
