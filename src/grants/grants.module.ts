import { Module } from '@nestjs/common';
import { DisconnectGrant } from './disconnect-grant.js';
import { GrantsController } from './grants.controller.js';
import { GrantsService } from './grants.service.js';
import { ImportGrantsController } from './import-grants.controller.js';
import { ImportGrants } from './import-grants.js';
import { ResumeRevocationsJob } from './resume-revocations.job.js';
import { RevokeAtGoogle } from './revoke-at-google.js';
import { VerifyRefreshToken } from './verify-refresh-token.js';

/**
 * Owns what services see of grants (status, expiry, refresh-token slots), how a grant is disconnected (here only, or revoked
 * at Google together with every grant that Google ends with it), and the import of grants that another system made.
 * Does not own the grants of a consent (callback/), their access tokens (access-tokens/) nor their storage (token-store/).
 */
@Module({
  controllers: [GrantsController, ImportGrantsController],
  providers: [
    GrantsService,
    DisconnectGrant,
    RevokeAtGoogle,
    ResumeRevocationsJob,
    ImportGrants,
    VerifyRefreshToken,
  ],
})
export class GrantsModule {}
