import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Clock } from '../../domain/ports/clock.js';
import { CountGrantsJob } from '../../operations/count-grants.job.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeFeed } from '../../token-store/change-feed/change-feed.js';
import { ActivityRepository } from '../../token-store/console/activity.repository.js';
import { OverviewRepository } from '../../token-store/console/overview.repository.js';
import { WebhookTargetsRepository } from '../../token-store/outbox/webhook-targets.repository.js';
import { activityIn, type Period } from './activity-series.js';
import type { OverviewFacts } from './overview-page.js';

/** Of some million grants it takes longer, and continues. */
const MAX_WAIT_MS = 10_000;

/** What was built: a class, so that Nest injects it. */
export class Build {
  /** @param version as in package.json */
  constructor(readonly version: string) {}
}

/**
 * What the overview shows: of all replicas from the database, of this one from its memory. Owns neither the counting
 * (operations/count-grants.job.ts, overview.job.ts) nor how it looks (overview-page.tsx).
 */
@Injectable()
export class ReadOverview {
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

  async read(period: Period): Promise<Omit<OverviewFacts, 'person'>> {
    const now = this.clock.now();
    const [current, counts, webhooks] = await Promise.all([
      this.overview.read(now),
      this.activity.read(period.span, period.since(now)),
      this.webhooks.all(),
    ]);
    const { slotLimit, console } = this.settings;
    const system = {
      version: this.build.version,
      keyIds: this.sealer.keyIds,
      waitingKeys: this.sealer.waitingKeys,
      changeFeedFault: this.changes.fault?.reason ?? null,
      slotLimit,
      sendsWebhooks: webhooks.length > 0,
      url: console?.url ?? '',
    };
    return { now, current, system, activity: activityIn(period, counts, now) };
  }

  /** Counts the grants now. Where that takes long, the page shows the count once it is there. */
  async countAgain(): Promise<void> {
    const { promise: isLate, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, MAX_WAIT_MS);
    await Promise.race([this.grants.countAgain(), isLate]);
    clearTimeout(timer);
  }
}
