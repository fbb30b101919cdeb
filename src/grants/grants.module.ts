import { Module } from '@nestjs/common';
import { DisconnectGrant } from './disconnect-grant.js';
import { GrantsController } from './grants.controller.js';
import { GrantsService } from './grants.service.js';
import { ResumeRevocationsJob } from './resume-revocations.job.js';
import { RevokeAtGoogle } from './revoke-at-google.js';

/**
 * Owns what services see of grants (status, expiry, refresh-token slots) and how a grant is disconnected: here only, or
 * revoked at Google together with every grant that Google ends with it.
 * Does not own the making of grants (callback/), their access tokens (access-tokens/) nor their storage (token-store/).
 */
@Module({
  controllers: [GrantsController],
  providers: [GrantsService, DisconnectGrant, RevokeAtGoogle, ResumeRevocationsJob],
})
export class GrantsModule {}
