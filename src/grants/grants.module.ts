import { Module } from '@nestjs/common';
import { DisconnectGrant } from './disconnect-grant.js';
import { FindExpiringGrants, FindVisibleGrants } from './find-visible-grants.js';
import { GrantsController } from './grants.controller.js';
import { InspectSlots } from './inspect-slots.js';
import { ResumeRevocationsJob } from './resume-revocations.job.js';
import { RevokeAtGoogle } from './revoke-at-google.js';

/**
 * Owns what services see of grants, when they will die, how their slots stand, and disconnecting: here only, or at
 * Google with all that dies there.
 * Does not own the making of grants (callback/) nor their tokens (tokens/).
 */
@Module({
  controllers: [GrantsController],
  providers: [
    FindVisibleGrants,
    FindExpiringGrants,
    InspectSlots,
    DisconnectGrant,
    RevokeAtGoogle,
    ResumeRevocationsJob,
  ],
})
export class GrantsModule {}
