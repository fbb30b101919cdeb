import { Controller, Get, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audited } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { periodOf } from './activity-series.js';
import { overviewPage } from './overview-page.js';
import { ReadOverview } from './read-overview.js';

@Controller('console')
@ConsoleController()
export class OverviewController {
  constructor(private readonly overview: ReadOverview) {}

  @Get()
  async show(
    @Person() person: ConsolePerson,
    @Query() query: Readonly<Record<string, unknown>>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const facts = await this.overview.read(periodOf(query['period']));
    await sendPage(reply, overviewPage({ person, ...facts }));
  }

  @Post('count')
  @Audited('console.count')
  async count(@Res() reply: FastifyReply): Promise<void> {
    await this.overview.countAgain();
    await reply.redirect('/console', 303);
  }
}
