import { Module } from '@nestjs/common';
import { GrantsModule } from '../grants/grants.module.js';
import { MyGrantsSessions } from './my-grants-sessions.js';
import { MyGrantsController } from './my-grants.controller.js';
import { MyGrants } from './my-grants.js';

/**
 * Owns /me/grants, behind a ticket of its own: what an app holds of a user's Google accounts, for that user, who reconnects and
 * disconnects there. The page can do no more than the service that made its ticket.
 * Does not own tickets (connect-tickets/), how a grant ends (grants/) nor consent URLs (authorization/).
 */
@Module({
  imports: [GrantsModule],
  controllers: [MyGrantsController],
  providers: [MyGrantsSessions, MyGrants],
})
export class MyGrantsModule {}
