/**
 * What the overview of the console shows. What must be counted over whole tables is counted every few minutes by one replica, and
 * kept with its age; the rest is read at each call, bounded. Owns no decision about what is good or bad.
 */
import { Injectable } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';
import { INACTIVITY_SECONDS, nearlyFullFrom } from '../../domain/grant/slots.js';
import { Database } from '../client/database.js';

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

const BY_STATUS = `
  SELECT client, status::text AS status, count(*)::int AS count FROM grants GROUP BY client, status ORDER BY client, status`;

/** Client by client: each is a range of an index. */
const EXPIRING = `
  SELECT client, soon, week, month FROM unnest($1::text[]) AS named (client) CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE at <= $5::timestamptz)::int AS soon,
      count(*) FILTER (WHERE at <= $3::timestamptz)::int AS week, count(*)::int AS month FROM (
      SELECT expires_at AS at FROM grants
      WHERE grants.client = named.client AND expires_at <= $4::timestamptz AND named.client <> ALL ($2::text[])
      UNION ALL
      SELECT expires_at_in_testing FROM grants
      WHERE grants.client = named.client AND expires_at_in_testing <= $4::timestamptz AND named.client = ANY ($2::text[])
    ) due
  ) counted`;

const DEAD = `
  SELECT cause, "whoMustAct", sum(count)::int AS count FROM unnest($1::text[]) AS named (client) CROSS JOIN LATERAL (
    SELECT diagnosis->>'cause' AS cause, diagnosis->>'who_must_act' AS "whoMustAct", count(*) AS count FROM grants
    WHERE grants.client = named.client AND status IN ('suspended', 'reconnect_required') GROUP BY 1, 2
  ) counted GROUP BY cause, "whoMustAct" ORDER BY count DESC`;

/** The newest token of a full account has the most slots before it: slot-bookings.ts. What is live is as there. */
const FULLEST = `
  WITH suspects AS (
    SELECT DISTINCT named.client, booked.account_sub FROM unnest($1::text[]) AS named (client) CROSS JOIN LATERAL (
      SELECT account_sub FROM refresh_tokens WHERE refresh_tokens.client = named.client AND ended_at IS NULL
      ORDER BY slots_taken DESC LIMIT ${SUSPECTS}
    ) booked
  )
  SELECT client, account_sub AS "accountSub", used,
    (SELECT account_email FROM grants WHERE grants.account_sub = suspects.account_sub AND account_email IS NOT NULL LIMIT 1) AS email
  FROM suspects CROSS JOIN LATERAL (
    SELECT count(*)::int AS used FROM refresh_tokens AS token
    WHERE token.account_sub = suspects.account_sub AND token.client = suspects.client AND ended_at IS NULL
      AND (expires_at IS NULL OR expires_at > $2::timestamptz) AND (current OR last_used_at > $3::timestamptz)
  ) counted ORDER BY used DESC, "accountSub" LIMIT ${MAX_ACCOUNTS}`;

/** As FULLEST, for all that may be: a token that had fewer slots before it belongs to an account that was not nearly full then. */
const NEARLY_FULL = `
  SELECT named.client, counted.accounts FROM unnest($1::text[]) AS named (client) CROSS JOIN LATERAL (
    SELECT count(*)::int AS accounts FROM (
      SELECT DISTINCT account_sub FROM (
        SELECT account_sub FROM refresh_tokens
        WHERE refresh_tokens.client = named.client AND ended_at IS NULL AND slots_taken >= $4
        ORDER BY slots_taken DESC LIMIT ${MAX_NEARLY_FULL}
      ) booked
    ) suspects WHERE $4 <= (
      SELECT count(*) FROM refresh_tokens AS token
      WHERE token.account_sub = suspects.account_sub AND token.client = named.client AND ended_at IS NULL
        AND (expires_at IS NULL OR expires_at > $2::timestamptz) AND (current OR last_used_at > $3::timestamptz))
  ) counted`;

/**
 * As NEARLY_FULL, across all clients: an account with so many tokens has a share of them at one of the clients, and its newest
 * token there that many slots before it.
 */
const NEARLY_FULL_ACROSS_CLIENTS = `
  SELECT count(*)::int AS accounts FROM (
    SELECT DISTINCT account_sub FROM unnest($1::text[]) AS named (client) CROSS JOIN LATERAL (
      SELECT account_sub FROM refresh_tokens
      WHERE refresh_tokens.client = named.client AND ended_at IS NULL
        AND slots_taken >= ceil($4::numeric / greatest(cardinality($1::text[]), 1))
      ORDER BY slots_taken DESC LIMIT ${MAX_NEARLY_FULL}
    ) booked
  ) suspects WHERE $4::numeric <= (
    SELECT count(*) FROM refresh_tokens AS token WHERE token.account_sub = suspects.account_sub AND ended_at IS NULL
      AND (expires_at IS NULL OR expires_at > $2::timestamptz) AND (current OR last_used_at > $3::timestamptz))`;

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
    const byStatus = await this.#rows<GrantsSnapshot['byStatus'][number]>('grants by status', BY_STATUS, []);
    const clients = [...new Set(byStatus.map(({ client }) => client))];
    const unused = new Date(now.getTime() - INACTIVITY_SECONDS * 1000);
    const [services] = await this.#rows<NonNullable<GrantsSnapshot['services']>>(
      'services by last use',
      SERVICES,
      [after(-1), after(-7), after(-30)],
    );
    const [many] = await this.#rows<{ accounts: number }>(
      'accounts nearly full across clients',
      NEARLY_FULL_ACROSS_CLIENTS,
      [clients, now, unused, nearlyFullFrom(accountSlotLimit)],
    );
    const content: GrantsSnapshot = {
      byStatus,
      expiring: await this.#rows('expiring grants', EXPIRING, [
        clients,
        testingClients,
        after(7),
        after(30),
        after(3),
      ]),
      dead: await this.#rows('dead grants', DEAD, [clients]),
      fullest: await this.#rows('fullest accounts', FULLEST, [clients, now, unused]),
      nearlyFull: await this.#rows('nearly full accounts', NEARLY_FULL, [
        clients,
        now,
        unused,
        nearlyFullFrom(slotLimit),
      ]),
      nearlyFullAcrossClients: many?.accounts ?? 0,
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
