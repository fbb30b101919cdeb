/**
 * What the overview of the console shows. What must be counted over whole tables is counted every few minutes by one replica, and
 * kept with its age; the rest is read at each call, bounded. Owns no decision about what is good or bad.
 */
import { Injectable } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';
import { INACTIVITY_SECONDS, nearlyFullFrom } from '../../domain/grant/slots.js';
import { Database } from '../client/database.js';
import { countByStatus } from './count-grants.js';

const GRANTS = 'grants';
/** Of each client, so many tokens of the fullest accounts are looked at. */
const SUSPECTS = 200;
const MAX_ACCOUNTS = 8;
/** Of each client, so many tokens of accounts that may be nearly full are looked at. */
const MAX_NEARLY_FULL = 5_000;
/** Waiting webhooks are counted up to here. */
const MAX_WAITING = 10_000;

export interface GrantsSnapshot {
  readonly byStatus: readonly { readonly client: string; readonly status: string; readonly count: number }[];
  /** Within 3, 7 and 30 days. What may be absent is so in a snapshot of an older version. */
  readonly expiring: readonly {
    readonly client: string;
    readonly soon?: number;
    readonly week: number;
    readonly month: number;
  }[];
  readonly dead: readonly {
    readonly cause: string | null;
    readonly whoMustAct: string | null;
    readonly count: number;
  }[];
  readonly fullest: readonly {
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
}

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

const CLAIM = `
  INSERT INTO overview_snapshots AS snapshot (name, claimed_at) VALUES ($1, $2::timestamptz)
  ON CONFLICT (name) DO UPDATE SET claimed_at = excluded.claimed_at WHERE snapshot.claimed_at <= $3::timestamptz
  RETURNING name`;

/** Of one client: a range of an index. In Testing another column says when. */
const expiring = (at: string) => `
  SELECT $1 AS client, count(*) FILTER (WHERE ${at} <= $4::timestamptz)::int AS soon,
    count(*) FILTER (WHERE ${at} <= $2::timestamptz)::int AS week, count(*)::int AS month
  FROM grants WHERE client = $1 AND ${at} <= $3::timestamptz`;
const EXPIRING = expiring('expires_at');
const EXPIRING_IN_TESTING = expiring('expires_at_in_testing');

const DEAD = `
  SELECT diagnosis->>'cause' AS cause, diagnosis->>'who_must_act' AS "whoMustAct", count(*)::int AS count FROM grants
  WHERE client = ANY ($1::text[]) AND status IN ('suspended', 'reconnect_required') AND status <> 'active'
  GROUP BY 1, 2 ORDER BY count DESC`;

/** The newest token of a full account has the most slots before it: slot-bookings.ts. */
const SUSPECTED = `
  SELECT account_sub AS "accountSub" FROM refresh_tokens WHERE client = $1 AND ended_at IS NULL AND slots_taken >= $2::int
  ORDER BY slots_taken DESC LIMIT $3`;

/** What is live is as in slot-bookings.ts. */
const USED = `
  SELECT $1 AS client, account_sub AS "accountSub", count(*)::int AS used FROM refresh_tokens
  WHERE client = $1 AND account_sub = ANY ($4::text[]) AND ended_at IS NULL
    AND (expires_at IS NULL OR expires_at > $2::timestamptz) AND (current OR last_used_at > $3::timestamptz)
  GROUP BY account_sub ORDER BY used DESC, "accountSub"`;

const EMAILS = `
  SELECT account_sub AS "accountSub", max(account_email) AS email FROM grants WHERE account_sub = ANY ($1::text[])
  GROUP BY account_sub`;

/** As USED, across all clients. */
const USED_ACROSS_CLIENTS = `
  SELECT account_sub AS "accountSub", count(*)::int AS used FROM refresh_tokens
  WHERE account_sub = ANY ($1::text[]) AND ended_at IS NULL
    AND (expires_at IS NULL OR expires_at > $2::timestamptz) AND (current OR last_used_at > $3::timestamptz)
  GROUP BY account_sub`;

/** Of each, the newest row says when it called last. */
const SERVICES = `
  SELECT count(*) FILTER (WHERE at > $1::timestamptz)::int AS day,
    count(*) FILTER (WHERE at <= $1::timestamptz AND at > $2::timestamptz)::int AS week,
    count(*) FILTER (WHERE at <= $2::timestamptz AND at > $3::timestamptz)::int AS month,
    count(*) FILTER (WHERE at IS NULL OR at <= $3::timestamptz)::int AS longer
  FROM services LEFT JOIN LATERAL (
    SELECT hour + interval '1 hour' AS at FROM service_usage WHERE service_id = services.id ORDER BY hour DESC LIMIT 1
  ) newest ON true WHERE revoked_at IS NULL`;

const STORE = `UPDATE overview_snapshots SET taken_at = $2::timestamptz, content = $3::jsonb WHERE name = $1`;

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
  constructor(private readonly database: Database) {}

  /**
   * Lets one replica do one of the works behind the overview.
   * @param olderThan when another may have begun at the latest @returns whether it is this one
   */
  async claim(work: 'grants' | 'activity', now: Date, olderThan: Date): Promise<boolean> {
    const claimed = await this.database.prepared('claim the overview', CLAIM, [work, now, olderThan]);
    return claimed.length > 0;
  }

  /** Counts the grants, and keeps the result for all replicas. */
  async takeSnapshot(
    testingClients: readonly string[],
    { slotLimit, accountSlotLimit }: Pick<Settings, 'slotLimit' | 'accountSlotLimit'>,
    now: Date,
  ): Promise<void> {
    const after = (days: number) => new Date(now.getTime() + days * 86_400_000);
    const byStatus = await countByStatus(this.database);
    const clients = [...new Set(byStatus.map(({ client }) => client))];
    const unused = new Date(now.getTime() - INACTIVITY_SECONDS * 1000);
    const [services] = await this.#rows<NonNullable<GrantsSnapshot['services']>>(
      'services by last use',
      SERVICES,
      [after(-1), after(-7), after(-30)],
    );
    const full: GrantsSnapshot['fullest'][number][] = [];
    const nearlyFull: { client: string; accounts: number }[] = [];
    const due: GrantsSnapshot['expiring'][number][] = [];
    const limit = nearlyFullFrom(slotLimit);
    const shared = nearlyFullFrom(accountSlotLimit);
    const sharing = new Set<string>();
    for (const client of clients) {
      const isTesting = testingClients.includes(client);
      const until = [client, after(7), after(30), after(3)];
      due.push(
        ...(isTesting
          ? await this.#rows<(typeof due)[number]>('expiring in testing', EXPIRING_IN_TESTING, until)
          : await this.#rows<(typeof due)[number]>('expiring grants', EXPIRING, until)),
      );
      const suspected = async (from: number, most: number) => {
        const values = [client, from, most];
        const rows = await this.#rows<{ accountSub: string }>('suspected accounts', SUSPECTED, values);
        return [...new Set(rows.map(({ accountSub }) => accountSub))];
      };
      const used = async (from: number, most: number) => {
        const subs = await suspected(from, most);
        return this.#rows<Omit<(typeof full)[number], 'email'>>('used slots', USED, [
          client,
          now,
          unused,
          subs,
        ]);
      };
      full.push(...(await used(0, SUSPECTS)).map((account) => ({ ...account, email: null })));
      const accounts = (await used(limit, MAX_NEARLY_FULL)).filter((account) => account.used >= limit).length;
      nearlyFull.push({ client, accounts });
      // Its newest token at one of the clients has its share of the slots before it.
      for (const sub of await suspected(Math.ceil(shared / clients.length), MAX_NEARLY_FULL))
        sharing.add(sub);
    }
    const crowded = await this.#rows<{ used: number }>('used slots across clients', USED_ACROSS_CLIENTS, [
      [...sharing],
      now,
      unused,
    ]);
    const order = (a: (typeof full)[number], b: (typeof full)[number]) =>
      b.used - a.used || (a.accountSub < b.accountSub ? -1 : 1);
    const fullest = full.sort(order).slice(0, MAX_ACCOUNTS);
    const emails = await this.#rows<{ accountSub: string; email: string | null }>(
      'emails of accounts',
      EMAILS,
      [fullest.map(({ accountSub }) => accountSub)],
    );
    const emailOf = new Map(emails.map(({ accountSub, email }) => [accountSub, email]));
    const content: GrantsSnapshot = {
      byStatus,
      expiring: due,
      dead: await this.#rows('dead grants', DEAD, [clients]),
      fullest: fullest.map((account) => ({ ...account, email: emailOf.get(account.accountSub) ?? null })),
      nearlyFull,
      nearlyFullAcrossClients: crowded.filter(({ used }) => used >= shared).length,
      services: services ?? { day: 0, week: 0, month: 0, longer: 0 },
    };
    await this.database.prepared('store the overview', STORE, [GRANTS, now, JSON.stringify(content)]);
  }

  async read(now: Date): Promise<OverviewNow> {
    const weekAgo = new Date(now.getTime() - 7 * 86_400_000);
    const [row] = await this.#rows<OverviewNow>('read the overview', NOW, [GRANTS, weekAgo]);
    if (!row) throw new Error('The overview has no row.');
    return row;
  }

  #rows<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    return this.database.prepared<Row>(name, text, values);
  }
}
