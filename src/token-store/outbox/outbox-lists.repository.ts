import { Injectable } from '@nestjs/common';
import type { Page } from '../../domain/list-position.js';
import type { EventState, EventType } from '../../domain/webhook/webhook.js';
import { alongIndex, boundedScan, pageOf } from '../client/bounded-statements.js';
import { Database } from '../client/database.js';
import { Prisma } from '../prisma-client/client.js';
import { type EventKey, oneOf } from './outbox-events.repository.js';

export interface ListedEvent {
  /** Of its row: the user, as far as it is known. */
  readonly owner: string;
  readonly id: string;
  readonly sequence: bigint;
  readonly type: EventType;
  readonly state: EventState;
  /** The id of the webhook that it is for; null for one of a version that had one address for all. */
  readonly webhookId: string | null;
  /** Its name; null where it was deleted. */
  readonly webhook: string | null;
  readonly userId: string | null;
  readonly grantId: string | null;
  readonly createdAt: Date;
  readonly attempts: number;
  /** Null once it is delivered or abandoned. */
  readonly nextAttemptAt: Date | null;
  readonly deliveredAt: Date | null;
  readonly abandonedAt: Date | null;
  /** A status or an error code. */
  readonly lastError: string | null;
}

export interface EventFilter {
  readonly state: EventState | null;
  /** The id of the webhook. */
  readonly webhookId: string | null;
  readonly type: string | null;
  readonly since: Date | null;
  readonly until: Date | null;
}

/** The position of an event in the list. */
export type EventPosition = Pick<ListedEvent, 'createdAt' | 'sequence' | 'id'>;

interface EventQuery extends EventFilter {
  /** Where the last page ended; null for the first page. */
  readonly after: EventPosition | null;
  readonly limit: number;
}

export type ReplayOutcome = 'due' | 'not_found' | 'webhook_disabled' | 'webhook_deleted';

type Row = ListedEvent & { readonly visible: boolean; readonly row_number: number };

const COLUMNS = Prisma.raw(`user_id AS owner, id, sequence, type, webhook_id, webhook_id AS "webhookId",
  created_at, created_at AS "createdAt", attempts,
  CASE WHEN delivered_at IS NULL AND abandoned_at IS NULL THEN next_attempt_at END AS "nextAttemptAt",
  delivered_at, delivered_at AS "deliveredAt", abandoned_at, abandoned_at AS "abandonedAt", last_error AS "lastError",
  CASE WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN abandoned_at IS NOT NULL THEN 'abandoned' ELSE 'waiting' END AS state,
  payload->'data'->>'user_id' AS "userId", payload->'data'->>'grant_id' AS "grantId"`);

/** Several servers may give one sequence twice, and one server within a microsecond: no page may end between two that are alike. */
const NEWEST_FIRST = Prisma.sql`created_at DESC, sequence DESC, id DESC`;
/** The order of an index over all: a filtered list cannot take that one (migration admin_lists). */
const NEWEST_OF_ALL = Prisma.sql`created_at DESC NULLS LAST, sequence DESC NULLS LAST, id DESC`;

const STATES: Readonly<Record<EventState, Prisma.Sql>> = {
  waiting: Prisma.sql`delivered_at IS NULL AND abandoned_at IS NULL`,
  delivered: Prisma.sql`delivered_at IS NOT NULL`,
  abandoned: Prisma.sql`abandoned_at IS NOT NULL`,
};

/** More are replayed in several statements, so that none holds many locks for long. */
const REPLAY_BATCH = 1000;

/**
 * The outbox as an operator sees it: which events wait, failed or were abandoned, and sending them again.
 * Does not own delivery (outbox-events.repository.ts).
 */
@Injectable()
export class OutboxListsRepository {
  constructor(private readonly database: Database) {}

  /** The newest first. */
  async find({ after, limit, ...filter }: EventQuery): Promise<Page<ListedEvent, EventPosition>> {
    const [along = Prisma.sql`TRUE`, ...rest] = conditionsOf(filter);
    const order = isOfAll(filter) ? NEWEST_OF_ALL : NEWEST_FIRST;
    const rows = Prisma.sql`SELECT ${COLUMNS} FROM outbox_events WHERE ${along} ${within(filter)} ${behind(after)}`;
    const visible = rest.length === 0 ? Prisma.sql`TRUE` : Prisma.join(rest, ' AND ');
    const found = await alongIndex<Row>(this.database, boundedScan({ rows, visible, order, limit }));
    const names = await this.#namesOf(found);
    const named = found.map((row) => ({ ...row, webhook: names.get(row.webhookId ?? '') ?? null }));
    return pageOf(named, limit, toListed, ({ createdAt, sequence, id }) => ({ createdAt, sequence, id }));
  }

  async #namesOf(rows: readonly Pick<Row, 'webhookId'>[]): Promise<Map<string, string>> {
    const ids = new Set(rows.flatMap(({ webhookId }) => webhookId ?? []));
    const webhooks = await this.database.webhook.findMany({
      where: { id: { in: [...ids] } },
      select: { id: true, name: true },
    });
    return new Map(webhooks.map(({ id, name }) => [id, name]));
  }

  /**
   * Makes an event due now, as if it had never been tried. Its id stays, by which the app recognises what it has already.
   * Where its webhook gets nothing, nothing is changed.
   */
  async replay(id: string, now: Date): Promise<ReplayOutcome> {
    const event = await this.database.outboxEvent.findFirst({ where: { id } });
    if (!event) return 'not_found';
    const { userId, webhookId } = event;
    const webhook = await this.database.webhook.findFirst({ where: { id: webhookId ?? '' } });
    if (webhook?.disabledAt !== null) return webhook ? 'webhook_disabled' : 'webhook_deleted';
    return (await this.#makeDue([{ userId, id }], now)) > 0 ? 'due' : 'not_found';
  }

  /**
   * The same for all that a filter finds. Those that wait anyway lose their backoff.
   * @param replayed after each statement, how many it made due: an error of a later one does not undo it
   */
  async replayAll(
    filter: EventFilter,
    now: Date,
    replayed: (events: number) => Promise<void>,
  ): Promise<void> {
    // Nothing would send the events of others.
    const enabled = await this.database.webhook.findMany({
      where: { disabledAt: null },
      select: { id: true },
    });
    const ids = new Set<string | null>(enabled.map(({ id }) => id));
    let after: EventPosition | null = null;
    do {
      const page: Page<ListedEvent, EventPosition> = await this.find({
        ...filter,
        after,
        limit: REPLAY_BATCH,
      });
      const sent = page.items.filter(({ webhookId }) => ids.has(webhookId));
      const keys = sent.map(({ owner: userId, id }) => ({ userId, id }));
      if (keys.length > 0) await replayed(await this.#makeDue(keys, now));
      after = page.next;
    } while (after !== null);
  }

  #makeDue(keys: readonly EventKey[], now: Date): Promise<number> {
    return this.database.$executeRaw`
      UPDATE outbox_events SET delivered_at = NULL, abandoned_at = NULL, attempts = 0, last_error = NULL,
        next_attempt_at = ${now} WHERE ${oneOf(keys)}`;
  }
}

/** Whether it is read along the index over all events. */
function isOfAll({ state, type }: Pick<EventFilter, 'state' | 'type'>): boolean {
  return type === null && (state === null || state === 'delivered');
}

/** The first is read along, the others are checked there. */
function conditionsOf({ state, type, webhookId }: EventFilter): Prisma.Sql[] {
  return [
    ...(state === null || state === 'delivered' ? [] : [STATES[state]]),
    ...(type === null ? [] : [Prisma.sql`type = ${type}`]),
    // No index has these alone: most are delivered, and there are few webhooks.
    ...(isOfAll({ state, type }) ? [Prisma.sql`TRUE`] : []),
    ...(state === 'delivered' ? [STATES.delivered] : []),
    ...(webhookId === null ? [] : [Prisma.sql`webhook_id = ${webhookId}`]),
  ];
}

function within({ since, until }: EventFilter): Prisma.Sql {
  const from = since === null ? Prisma.empty : Prisma.sql`AND created_at >= ${since}`;
  return until === null ? from : Prisma.sql`${from} AND created_at < ${until}`;
}

function behind(after: EventPosition | null): Prisma.Sql {
  return after === null
    ? Prisma.empty
    : Prisma.sql`AND (created_at, sequence, id) < (${after.createdAt}, ${after.sequence}, ${after.id})`;
}

function toListed({ visible: _, row_number: __, ...rest }: Row): ListedEvent {
  const { owner, id, sequence, type, state, webhookId, webhook, userId, grantId, createdAt, attempts } = rest;
  const { nextAttemptAt, deliveredAt, abandonedAt, lastError } = rest;
  return {
    owner,
    id,
    sequence,
    type,
    state,
    webhookId,
    webhook,
    userId,
    grantId,
    createdAt,
    attempts,
    nextAttemptAt,
    deliveredAt,
    abandonedAt,
    lastError,
  };
}
