import { Injectable } from '@nestjs/common';
import { isExtendable } from '../../domain/connect/held-grant.js';
import { integrityFailed } from '../../domain/errors.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import type { Secret } from '../../domain/secret.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import type { Grant as Row } from '../prisma-client/client.js';
import { credentialAad, type SealedGrant } from '../sealed/aad.js';
import { fromRow, sealedFrom } from './grant-row.js';

/** As a row stores it. */
export interface SealedCredential {
  readonly sealed: string;
  readonly credentialVersion: number | null;
}

/**
 * Seals and opens refresh tokens and keys of service accounts, with every column of their grant that decides who gets them as
 * associated data. A credential that opens with a grant proves that the broker wrote that grant.
 */
@Injectable()
export class CredentialSealer {
  constructor(
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
  ) {}

  /** The columns of a credential. @param grant as it will be stored, with the version under which it is sealed */
  async seal(grant: SealedGrant, secret: Secret) {
    const sealed = await this.sealValue(grant, secret);
    return {
      ...(grant.kind === 'user' ? { sealedRefreshToken: sealed } : { sealedKey: sealed }),
      credentialVersion: grant.version,
    };
  }

  sealValue(grant: SealedGrant, secret: Secret): Promise<string> {
    return this.sealer.seal(secret, credentialAad(grant, grant.version));
  }

  /** @returns null, with an alarm, when it does not belong to this grant in its current state */
  async tryOpen(grant: SealedGrant, { sealed, credentialVersion }: SealedCredential): Promise<Secret | null> {
    try {
      return await this.sealer.open(sealed, credentialAad(grant, credentialVersion ?? 0));
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.reporter.report({ kind: 'credential', id: grant.id, reason: error.message });
      return null;
    }
  }

  /** The refresh token of an active grant of a user; null where there is none, or it does not open. */
  refreshTokenOf(stored: Row | null): Promise<Secret | null> {
    return stored && isExtendable(fromRow(stored)) ? this.heldRefreshTokenOf(stored) : Promise.resolve(null);
  }

  /** The same whatever the status of the grant. */
  heldRefreshTokenOf(stored: Row): Promise<Secret | null> {
    const { sealedRefreshToken: sealed, credentialVersion } = stored;
    if (sealed === null) return Promise.resolve(null);
    return this.tryOpen(sealedFrom(stored), { sealed, credentialVersion });
  }

  /** @throws {BrokerError} `integrity_failed` */
  async open(grant: SealedGrant, credential: SealedCredential): Promise<Secret> {
    const secret = await this.tryOpen(grant, credential);
    if (!secret) throw integrityFailed();
    return secret;
  }
}
