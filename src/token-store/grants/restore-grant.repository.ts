import { Injectable, Logger } from '@nestjs/common';
import { commonScopes, sameScopes } from '../../domain/google/scopes.js';
import type { Grant } from '../../domain/grant/grant.js';
import type { Outcome } from '../../domain/grant/refresh-outcome.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { Outbox } from '../outbox/outbox.js';
import { Prisma } from '../prisma-client/client.js';
import { CredentialSealer } from './credential-sealer.js';
import { NO_LEASE } from './grant-row.js';
import { RefreshTokens } from './refresh-tokens.js';
import { SlotBookings } from './slot-bookings.js';

/**
 * Brings back a grant that was called dead with a refresh token which Google had replaced by then: the replica that has the new one could
 * not save it, and its lease had expired, or was lost with a crash of the database. Does not own when it is tried: refresh-results.ts.
 */
@Injectable()
export class RestoreGrantRepository {
  readonly #log = new Logger('Grants');

  constructor(
    private readonly ledger: SlotBookings,
    private readonly refreshTokens: RefreshTokens,
    private readonly credentials: CredentialSealer,
    private readonly outbox: Outbox,
    private readonly changes: ChangeFeed,
  ) {}

  /**
   * The access token is not stored: whether Google still takes the grant is asked with the next refresh.
   * @param dead as it is now
   * @param asked as it was when Google was asked for what is to be saved
   * @returns false where it has another reason to be as it is, and nothing was written
   */
  async restore(dead: Grant, asked: Grant, outcome: Outcome, now: Date): Promise<boolean> {
    if (outcome.kind !== 'token' || !isDeadByFormer(dead, asked)) return false;
    const { response: answer, scopes } = outcome;
    const { refreshToken } = answer;
    if (refreshToken === null) return false;
    const { id, userId, version, grantedScopes: granted } = dead;
    // A refresh never widens a grant.
    const grantedScopes = sameScopes(scopes, granted) ? commonScopes(granted, answer.scopes) : granted;
    const dates = this.refreshTokens.dates(answer, now);
    const restored: Grant = {
      ...dead,
      ...dates,
      grantedScopes,
      status: 'active',
      diagnosis: null,
      version: version + 1,
    };
    const sealed = await this.credentials.seal(restored, refreshToken);
    const isRestored = await this.ledger.transaction(async (tx) => {
      // Lock order as in a consent: the account, then the row.
      await this.ledger.lock(tx, dead.account.sub, dead.client);
      const { count } = await tx.grant.updateMany({
        where: { userId, id, version, status: dead.status },
        data: {
          ...NO_LEASE,
          ...dates,
          ...sealed,
          grantedScopes: [...grantedScopes],
          status: 'active',
          diagnosis: Prisma.DbNull,
          version: { increment: 1 },
        },
      });
      if (count === 0) return false;
      await this.refreshTokens.book(tx, restored, answer, now);
      await this.outbox.notify(tx, 'grant.connected', restored, now);
      return true;
    });
    if (!isRestored) return false;
    this.changes.publish({ kind: 'grant', userId, client: dead.client });
    this.#log.warn({ grant: id }, 'a grant that was called dead with a former refresh token is active again');
    return true;
  }
}

/** Where Google gave a reason, it ended the new refresh token, too. */
function isDeadByFormer({ status, version, diagnosis, consentedAt }: Grant, asked: Grant): boolean {
  const isNext = version === asked.version + 1 && consentedAt.getTime() === asked.consentedAt.getTime();
  return isNext && status === 'reconnect_required' && diagnosis?.confidence === 'inferred';
}
