import { Injectable } from '@nestjs/common';
import type { Grant } from '../../domain/grant/grant.js';
import type { Grant as Row, Prisma } from '../prisma-client/client.js';
import { CredentialSealer } from './credential-sealer.js';
import { sealedFrom } from './grant-row.js';
import { SlotBookings } from './slot-bookings.js';

/**
 * Seals refresh tokens again in the transaction of a change of their grants, with a constant number of statements. With another
 * status, because the token of a suspended grant must not open when the row is set to active in the database; with the same
 * status, to invalidate access tokens.
 */
@Injectable()
export class ResealCredentials {
  constructor(
    private readonly credentials: CredentialSealer,
    private readonly ledger: SlotBookings,
  ) {}

  /**
   * @param rows as they were before the change, which raised each version by one; what does not open is not changed
   * @param status left out where it stays
   */
  async reseal(
    tx: Prisma.TransactionClient,
    rows: readonly Row[],
    status?: 'active' | 'suspended',
  ): Promise<void> {
    const sealed = (await Promise.all(rows.map((row) => this.#reseal(row, status)))).filter(
      (one) => one !== null,
    );
    if (sealed.length === 0) return;
    const values = JSON.stringify(sealed);
    await tx.$executeRaw`
      UPDATE grants SET sealed_refresh_token = one.sealed, credential_version = one.version
      FROM jsonb_to_recordset(${values}::jsonb) AS one (id uuid, sealed text, version int) WHERE grants.id = one.id`;
    await tx.$executeRaw`
      UPDATE refresh_tokens SET mac = decode(one.mac, 'hex')
      FROM jsonb_to_recordset(${values}::jsonb) AS one (id uuid, fingerprint text, mac text)
      WHERE refresh_tokens.fingerprint = decode(one.fingerprint, 'hex') AND grant_id = one.id AND current`;
  }

  async #reseal(row: Row, status: Grant['status'] = sealedFrom(row).status) {
    const { id, sealedRefreshToken: sealed, credentialVersion } = row;
    const before = sealedFrom(row);
    const token =
      sealed === null ? null : await this.credentials.tryOpen(before, { sealed, credentialVersion });
    if (!token) return null;
    const grant: Grant = { ...before, status, version: row.version + 1 };
    return {
      id,
      sealed: await this.credentials.sealValue(grant, token),
      version: grant.version,
      fingerprint: hex(this.ledger.fingerprint(token)),
      mac: hex(this.ledger.macOf(grant, grant.version, token)),
    };
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
