/**
 * What the overview of the console shows. What must be counted over whole tables is counted every few minutes by one replica, and
 * kept with its age; the rest is read at each call, bounded. Owns no decision about what is good or bad.
 */
import { Injectable } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';
import { Clock } from '../../domain/ports/clock.js';
import { Database } from '../client/database.js';
import { countAccounts } from './count-accounts.js';
import { clientsOfGrants, countByStatus, countDead, countExpiring } from './count-grants.js';
import { claim, CountRun } from './count-run.js';

const GRANTS = 'grants';
/** Waiting webhooks are counted up to here. */
const MAX_WAITING = 10_000;

/** What a count could not find out is absent, and so is what an older version did not count. */
export interface GrantsSnapshot {
  readonly byStatus?: readonly { readonly client: string; readonly status: string; readonly count: number }[];
  /** Within 3, 7 and 30 days. */
  readonly expiring?: readonly {
    readonly client: string;
    readonly soon?: number;
    readonly week: number;
    readonly month: number;
  }[];
  readonly dead?: readonly {
    readonly cause: string | null;
    readonly whoMustAct: string | null;
    readonly count: number;
  }[];
  readonly fullest?: readonly {
    readonly client: string;
    readonly accountSub: string;
    readonly email: string | null;
    readonly used: number;
  }[];
  readonly nearlyFull?: readonly { readonly client: string; readonly accounts: number }[];
  /** Accounts with many tokens across all clients. */
  readonly nearlyFullAcrossClients?: number;
  /** By the last call: within a day, 7 days, 30 days, or longer ago. */
  readonly services?: Readonly<Record<'day' | 'week' | 'month' | 'longer', number>>;
  /** The parts of it that failed. */
  readonly missing?: readonly CountPart[];
}

export type CountPart = 'status' | 'services' | 'accounts' | 'expiry' | 'cause';

export interface OverviewNow {
  readonly grants: GrantsSnapshot | null;
  readonly takenAt: Date | null;
  readonly waiting: number;
  readonly oldestWaiting: Date | null;
  /** Within the last 7 days. */
  readonly abandoned: number;
  readonly processes: number;
  /** The newest. */
  readonly migration: string | null;
  readonly seals: Readonly<Record<string, number>>;
}

/** Of each, the newest row says when it called last. */
const SERVICES = `
  SELECT count(*) FILTER (WHERE at > $1::timestamptz)::int AS day,
    count(*) FILTER (WHERE at <= $1::timestamptz AND at > $2::timestamptz)::int AS week,
    count(*) FILTER (WHERE at <= $2::timestamptz AND at > $3::timestamptz)::int AS month,
    count(*) FILTER (WHERE at IS NULL OR at <= $3::timestamptz)::int AS longer
  FROM services LEFT JOIN LATERAL (
    SELECT hour + interval '1 hour' AS at FROM service_usage WHERE service_id = services.id ORDER BY hour DESC LIMIT 1
  ) newest ON true WHERE revoked_at IS NULL`;

const NOW = `
  SELECT snapshot.content AS grants, snapshot.taken_at AS "takenAt", webhooks.waiting, webhooks."oldestWaiting",
    (SELECT count(*)::int FROM (
      SELECT 1 FROM outbox_events WHERE delivered_at IS NULL AND abandoned_at > $2::timestamptz LIMIT ${MAX_WAITING + 1}
    ) counted) AS abandoned,
    (SELECT count(*)::int FROM change_heartbeats WHERE sent_at > clock_timestamp() - interval '10 seconds') AS processes,
    (SELECT max(migration_name) FROM public._prisma_migrations
      WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL) AS migration,
    (SELECT coalesce(jsonb_object_agg(kid, seals), '{}') FROM key_usage) AS seals
  FROM (
    SELECT count(*)::int AS waiting, min(created_at) AS "oldestWaiting" FROM (
      SELECT created_at FROM outbox_events WHERE delivered_at IS NULL AND abandoned_at IS NULL
      ORDER BY next_attempt_at, sequence LIMIT ${MAX_WAITING + 1}
    ) undelivered
  ) webhooks LEFT JOIN overview_snapshots AS snapshot ON snapshot.name = $1`;

@Injectable()
export class OverviewRepository {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Lets one replica do one of the works behind the overview.
   * @param olderThan when another may have begun at the latest @returns whether it is this one
   */
  claim(work: 'activity', now: Date, olderThan: Date): Promise<boolean> {
    return claim(this.database, work, { until: now, olderThan });
  }

  /**
   * Counts the grants, and keeps the result for all replicas; of a count of which a part failed, the others.
   * @param restMs since the end of the last count, of whichever replica: if it is shorter, or one counts now, nothing is done
   */
  async takeSnapshot(
    testingClients: readonly string[],
    settings: Pick<Settings, 'slotLimit' | 'accountSlotLimit'>,
    options: { readonly restMs: number; readonly shutdown: AbortSignal },
  ): Promise<void> {
    const run = await CountRun.begin(this.database, GRANTS, this.clock, options);
    await run?.whole(() => this.#count(run, testingClients, settings));
  }

  async read(now: Date): Promise<OverviewNow> {
    const weekAgo = new Date(now.getTime() - 7 * 86_400_000);
    const [row] = await this.database.prepared<OverviewNow>('read the overview', NOW, [GRANTS, weekAgo]);
    if (!row) throw new Error('The overview has no row.');
    return row;
  }

  async #count(
    run: CountRun,
    testingClients: readonly string[],
    settings: Pick<Settings, 'slotLimit' | 'accountSlotLimit'>,
  ): Promise<void> {
    const after = (days: number) => new Date(run.startedAt.getTime() + days * 86_400_000);
    const clients = await clientsOfGrants(run);
    const byStatus = await run.part('status', () => countByStatus(run, clients));
    const services = await run.part('services', async () => {
      const [row] = await run.rows<NonNullable<GrantsSnapshot['services']>>(SERVICES, [
        after(-1),
        after(-7),
        after(-30),
      ]);
      return row;
    });
    const accounts = await run.part('accounts', () => countAccounts(run, clients, settings));
    const expiring = await run.part('expiry', async () => {
      const counted: NonNullable<GrantsSnapshot['expiring']>[number][] = [];
      for (const client of clients)
        counted.push(
          await countExpiring(run, client, testingClients.includes(client), [after(3), after(7), after(30)]),
        );
      return counted;
    });
    const dead = await run.part('cause', () => countDead(run, clients));
    await run.store({ byStatus, services, ...accounts, expiring, dead });
  }
}
