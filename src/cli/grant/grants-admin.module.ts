import { Module } from '@nestjs/common';
import { ConnectTicketsModule } from '../../connect-tickets/connect-tickets.module.js';
import { GoogleModule } from '../../google/google.module.js';
import { DisconnectGrant } from '../../grants/disconnect-grant.js';
import { EndGrants } from '../../grants/end-grants.js';
import { GrantTimeline } from '../../grants/grant-timeline.js';
import { OffboardUser } from '../../grants/offboard-user.js';
import { RevokeAtGoogle } from '../../grants/revoke-at-google.js';

/** The use cases of grants/ that an operator's commands need, without the routes and jobs of that module. */
@Module({
  imports: [GoogleModule, ConnectTicketsModule],
  providers: [DisconnectGrant, EndGrants, OffboardUser, GrantTimeline, RevokeAtGoogle],
})
export class GrantsAdminModule {}
