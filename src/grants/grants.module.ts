import { Module } from '@nestjs/common';
import { DisconnectGrant } from './disconnect-grant.js';
import { FindVisibleGrants } from './find-visible-grants.js';
import { GrantsController } from './grants.controller.js';

/**
 * Owns what services see of grants, and disconnecting: here only, or at Google with all that dies there.
 * Does not own the making of grants (callback/) nor their tokens (tokens/).
 */
@Module({
  controllers: [GrantsController],
  providers: [FindVisibleGrants, DisconnectGrant],
})
export class GrantsModule {}
