import { Injectable } from '@nestjs/common';
import type { Secret } from '../../domain/secret.js';
import { userCondition, type UserOrAll, whereUser } from '../client/change-by-user.js';
import type { Grant as Row, Prisma } from '../prisma-client/client.js';
import { CredentialSealer } from './credential-sealer.js';
import { sealedFrom } from './grant-row.js';
import { SlotBookings } from './slot-bookings.js';

/**
 * Seals refresh tokens again in the transaction of a change of their grants, with a constant number of statements. A seal is bound
 * to whether the grant is suspended or being revoked, so that its token does not open when the row is set to active in the
 * database; and access tokens are bound to the version of the seal, so that each reseal invalidates them.
 */
@Injectable()
export class ResealCredentials {
  constructor(
    private readonly credentials: CredentialSealer,
    private readonly ledger: SlotBookings,
  ) {}

  /**
   * Call it after the change, which raised each version.
   * @param user the user of all rows; null: they are of several, on one server
   * @param before the rows as they were; a credential that does not open with its row is not sealed again
   */
  async reseal(tx: Prisma.TransactionClient, user: UserOrAll, before: readonly Row[]): Promise<void> {
    const found = await Promise.all(before.map(async (row) => ({ row, token: await this.#open(row) })));
    const opened = new Map(found.map((one) => [one.row.id, one]));
    const rows = await tx.grant.findMany({ where: { ...whereUser(user), id: { in: [...opened.keys()] } } });
    const sealed = await Promise.all(
      rows.map(async (row) => {
        const { row: former, token } = opened.get(row.id) ?? {};
        return former && token ? this.#seal(former, row, token) : null;
      }),
    );
    const values = JSON.stringify(sealed.filter((one) => one !== null));
    if (values === '[]') return;
    await tx.$executeRaw`
      UPDATE grants SET sealed_refresh_token = one.sealed, credential_version = one.version
      FROM jsonb_to_recordset(${values}::jsonb) AS one (id uuid, sealed text, version int)
      WHERE ${userCondition(user, 'grants.user_id')} AND grants.id = one.id`;
    // Only a token that the ledger had signed: an older one that was put back is not signed by a change of its grant.
    await tx.$executeRaw`
      UPDATE refresh_tokens SET mac = decode(one.mac, 'hex')
      FROM jsonb_to_recordset(${values}::jsonb) AS one (id uuid, fingerprint text, former text, mac text)
      WHERE ${userCondition(user, 'refresh_tokens.user_id')} AND refresh_tokens.fingerprint = decode(one.fingerprint, 'hex')
        AND grant_id = one.id AND current AND refresh_tokens.mac = decode(one.former, 'hex')`;
  }

  async #open(row: Row): Promise<Secret | null> {
    const { sealedRefreshToken: sealed, credentialVersion } = row;
    return sealed === null ? null : this.credentials.tryOpen(sealedFrom(row), { sealed, credentialVersion });
  }

  async #seal(former: Row, row: Row, token: Secret) {
    const grant = sealedFrom(row);
    return {
      id: grant.id,
      sealed: await this.credentials.sealValue(grant, token),
      version: grant.version,
      fingerprint: hex(this.ledger.fingerprint(token)),
      former: hex(this.ledger.macOf(grant, former.credentialVersion ?? 0, token)),
      mac: hex(this.ledger.macOf(grant, grant.version, token)),
    };
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
