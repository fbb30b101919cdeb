import { Controller, Get, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Settings } from '../../config/settings.js';
import { Clock } from '../../domain/ports/clock.js';
import { Audited } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { CountGrantsJob } from '../../operations/count-grants.job.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../../token-store/change-feed/change-feed.js';
import { ActivityRepository } from '../../token-store/console/activity.repository.js';
import { OverviewRepository } from '../../token-store/console/overview.repository.js';
import { WebhookTargetsRepository } from '../../token-store/outbox/webhook-targets.repository.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { activityIn, periodOf } from './activity-series.js';
import { overviewPage } from './overview-page.js';

/** Of some million grants it takes longer, and goes on. */
const MAX_WAIT_MS = 10_000;

/** What was built: a class, so that Nest injects it. */
export class Build {
  /** @param version as in package.json */
  constructor(readonly version: string) {}
}

@Controller('console')
@ConsoleController()
export class OverviewController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly build: Build,
    private readonly sealer: Sealer,
    private readonly changes: ChangeFeed,
    private readonly overview: OverviewRepository,
    private readonly activity: ActivityRepository,
    private readonly grants: CountGrantsJob,
    private readonly webhooks: WebhookTargetsRepository,
  ) {}

  @Get()
  async show(
    @Person() person: ConsolePerson,
    @Query() query: Readonly<Record<string, unknown>>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const now = this.clock.now();
    const period = periodOf(query['period']);
    const [current, counts, webhooks] = await Promise.all([
      this.overview.read(now),
      this.activity.read(period.span, period.since(now)),
      this.webhooks.all(),
    ]);
    const { slotLimit, console } = this.settings;
    const system = {
      version: this.build.version,
      keyIds: this.sealer.keyIds,
      changeFeedFault: this.changes.fault?.reason ?? null,
      slotLimit,
      sendsWebhooks: webhooks.length > 0,
      url: console?.url ?? '',
    };
    await sendPage(
      reply,
      overviewPage({ person, now, current, system, activity: activityIn(period, counts, now) }),
    );
  }

  @Post('count')
  @Audited('console.count')
  async count(@Res() reply: FastifyReply): Promise<void> {
    const { promise: isLate, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, MAX_WAIT_MS);
    await Promise.race([this.grants.countAgain(), isLate]);
    clearTimeout(timer);
    await reply.redirect('/console', 303);
  }
}
