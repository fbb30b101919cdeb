import { Module } from '@nestjs/common';
import { ConnectTicketsController } from './connect-tickets.controller.js';
import { ExpireTicketsJob } from './expire-tickets.job.js';

/** Apart from connect-tickets.module.ts: commands need that one, without routes and jobs. */
@Module({ controllers: [ConnectTicketsController], providers: [ExpireTicketsJob] })
export class TicketRoutesModule {}
