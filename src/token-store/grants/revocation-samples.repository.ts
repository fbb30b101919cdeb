import { Injectable } from '@nestjs/common';
import type { Grant } from '../../domain/grant/grant.js';
import type { RevocationAttempt } from '../../domain/grant/revocation.js';
import type { Secret } from '../../domain/secret.js';
import { Database } from '../client/database.js';
import { CredentialSealer } from './credential-sealer.js';
import { fromRow } from './grant-row.js';
import { hasTokenUpTo } from './revocation-marks.js';
import { IS_ACCOUNT_BY_GOOGLE } from './slot-rows.js';

/** A grant that is dead if Google revoked, and the refresh token that shows it. */
export interface RevocationSample {
  readonly grant: Grant;
  readonly refreshToken: Secret;
}

/** The grants that show whether Google carried out a revocation whose response was lost. */
@Injectable()
export class RevocationSamplesRepository {
  constructor(
    private readonly database: Database,
    private readonly credentials: CredentialSealer,
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
        AND id <> ${grantId}::uuid AND ${IS_ACCOUNT_BY_GOOGLE}
        AND ${hasTokenUpTo(revocation.firstSequence)}
      LIMIT ${most}`;
    const grants = await this.database.grant.findMany({ where: { id: { in: rows.map((row) => row.id) } } });
    const opened = await Promise.all(
      grants.map(async (row) => {
        const refreshToken = await this.credentials.heldRefreshTokenOf(row);
        return refreshToken && { grant: fromRow(row), refreshToken };
      }),
    );
    return opened.filter((sample) => sample !== null);
  }
}
