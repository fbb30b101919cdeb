import { Module } from '@nestjs/common';
import { AccountsOfImports } from './accounts-of-imports.js';
import { CountSlotsJob } from './count-slots.job.js';
import { DisconnectGrant } from './disconnect-grant.js';
import { EndGrants } from './end-grants.js';
import { GrantTimeline } from './grant-timeline.js';
import { GrantsController } from './grants.controller.js';
import { VisibleGrants } from './visible-grants.js';
import { ImportForService } from './import-for-service.js';
import { ImportGrantsController } from './import-grants.controller.js';
import { ImportGrants } from './import-grants.js';
import { OffboardUser } from './offboard-user.js';
import { ResumeRevocationsJob } from './resume-revocations.job.js';
import { RevokeAtGoogle } from './revoke-at-google.js';
import { UsersController } from './users.controller.js';
import { ReplacedTokens } from './replaced-tokens.js';
import { VerifyRefreshToken } from './verify-refresh-token.js';

/**
 * Owns what services see of grants (status, expiry, refresh-token slots), how a grant is disconnected (here only, or revoked
 * at Google together with every grant that Google ends with it), how a user is offboarded, a grant's timeline for operators,
 * and the import of grants that another system made.
 * Does not own the grants of a consent (callback/), their access tokens (access-tokens/) nor their storage (token-store/).
 */
@Module({
  controllers: [GrantsController, ImportGrantsController, UsersController],
  providers: [
    VisibleGrants,
    DisconnectGrant,
    EndGrants,
    OffboardUser,
    GrantTimeline,
    RevokeAtGoogle,
    ResumeRevocationsJob,
    CountSlotsJob,
    ImportGrants,
    AccountsOfImports,
    ImportForService,
    ReplacedTokens,
    VerifyRefreshToken,
  ],
  exports: [DisconnectGrant, EndGrants, OffboardUser, GrantTimeline],
})
export class GrantsModule {}
