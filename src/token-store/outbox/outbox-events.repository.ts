import { Injectable } from '@nestjs/common';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import type { EventType } from '../../domain/webhook/webhook.js';
import { ConcurrencyLimit } from '../client/concurrency-limit.js';
import { CONNECT_TIMEOUT_MS } from '../client/database-pool.js';
import { Database } from '../client/database.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';
import { Prisma } from '../prisma-client/client.js';

/** An id is unique; with the user it is found on the server of the user. */
export interface EventKey {
  readonly userId: string;
  readonly id: string;
}

/** An event that is not delivered yet. */
export interface UndeliveredEvent extends EventKey {
  /** Stays the same over all attempts, so that the app can recognise a repeated one. */
  readonly id: string;
  readonly type: EventType;
  /** When it happened, as RFC 3339 writes it. */
  readonly timestamp: string;
  readonly data: object;
  /** How often delivery failed. */
  readonly failures: number;
  /** Of the trace that it happened in; null where there was none. */
  readonly traceparent: string | null;
}

interface Row extends EventKey {
  readonly sequence: bigint;
  readonly type: EventType;
  /** As text: a payload that Prisma cannot read must not fail the others. */
  readonly payload: string;
  readonly attempts: number;
}

/** No event is tried so often: the schedule ends before. */
const MAX_ATTEMPTS = 1000;

/** Still to be delivered. */
const OPEN = { deliveredAt: null, abandonedAt: null };

/** Reads the outbox for delivery. Replicas share the work: what one has claimed, no other gets. */
@Injectable()
export class OutboxEventsRepository {
  /** Where each asks all servers, those of all webhooks hold one connection while a server is silent. */
  readonly #claims = new ConcurrencyLimit(1, CONNECT_TIMEOUT_MS);

  constructor(
    private readonly database: Database,
    private readonly reporter: IntegrityReporter,
  ) {}

  /**
   * Takes what is due for a webhook, in order of creation. A replica that dies after claiming loses the claim. Rows that the broker did not
   * write are abandoned, with an alarm.
   * @param until from then on, another may take it
   * @returns `isMore` when as many as wanted were due
   */
  async claim(
    webhookId: string,
    most: number,
    now: Date,
    until: Date,
  ): Promise<{ readonly events: readonly UndeliveredEvent[]; readonly isMore: boolean }> {
    // No lock and no connection is held while the receiver answers. Replicas take turns: several servers cannot skip what is locked.
    const take = async (tx: Prisma.TransactionClient) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`webhook ${webhookId}`}, 0))`;
      const due = await tx.$queryRaw<Row[]>`
        SELECT user_id AS "userId", id, sequence, type, payload::text AS payload, attempts FROM outbox_events
        WHERE webhook_id = ${webhookId} AND delivered_at IS NULL AND abandoned_at IS NULL AND next_attempt_at <= ${now}
        ORDER BY next_attempt_at, sequence LIMIT ${most}`;
      if (due.length === 0) return [];
      const claimed = await tx.$queryRaw<Pick<Row, 'id'>[]>`
        UPDATE outbox_events SET next_attempt_at = ${until}
        WHERE ${oneOf(due)} AND delivered_at IS NULL AND abandoned_at IS NULL AND next_attempt_at <= ${now}
        RETURNING id`;
      const ids = new Set(claimed.map(({ id }) => id));
      return due.filter(({ id }) => ids.has(id));
    };
    const claiming = () => this.database.$transaction(take);
    const rows = await (this.database.isDistributed() ? this.#claims.run('claims', claiming) : claiming());
    const events = rows.sort((a, b) => (a.sequence < b.sequence ? -1 : 1)).map(read);
    const malformed = rows.filter((_, index) => events[index] === null);
    if (malformed.length > 0) await this.#abandonMalformed(malformed, now);
    return { events: events.filter((event) => event !== null), isMore: rows.length === most };
  }

  async #abandonMalformed(malformed: readonly Row[], now: Date): Promise<void> {
    await this.abandon(malformed, 'malformed', now);
    const reason = 'An event for the app is malformed and was abandoned: the app has not received it.';
    for (const { id } of malformed) this.reporter.report({ kind: 'outbox_event', id, reason });
  }

  /** Abandons what was claimed and not tried. */
  async abandon(events: readonly EventKey[], lastError: string, now: Date): Promise<void> {
    await this.database.outboxEvent.updateMany({
      where: { ...keysOf(events), ...OPEN },
      data: { abandonedAt: now, lastError },
    });
  }

  /** Releases what was claimed and not tried. @param due when it may be tried */
  async release(events: readonly EventKey[], due: Date): Promise<void> {
    await this.database.outboxEvent.updateMany({
      where: { ...keysOf(events), ...OPEN },
      data: { nextAttemptAt: due },
    });
  }

  async delivered({ userId, id }: EventKey, now: Date): Promise<void> {
    await this.database.outboxEvent.updateMany({
      where: { userId, id },
      data: { deliveredAt: now, abandonedAt: null, attempts: { increment: 1 }, lastError: null },
    });
  }

  /** @param next when to try again; null: never */
  async failed({ userId, id }: EventKey, error: string, now: Date, next: Date | null): Promise<void> {
    await this.database.outboxEvent.updateMany({
      // Another replica may have taken over and delivered it meanwhile.
      where: { userId, id, ...OPEN },
      data: {
        attempts: { increment: 1 },
        lastError: error,
        ...(next ? { nextAttemptAt: next } : { abandonedAt: now }),
      },
    });
  }

  /**
   * Gives up what no enabled webhook is there for: events of one that was deleted or disabled while they were stored, or whose process ended
   * before it gave them up.
   */
  async abandonOrphans(now: Date, shutdown?: AbortSignal): Promise<void> {
    // An event is of a webhook that was there before it: one that is not found now was deleted.
    const waiting = await this.database.$queryRaw<{ webhook: string | null }[]>`
      SELECT DISTINCT webhook_id AS webhook FROM outbox_events WHERE delivered_at IS NULL AND abandoned_at IS NULL`;
    if (waiting.length === 0) return;
    const known = await this.database.webhook.findMany({ select: { id: true, disabledAt: true } });
    const ids = waiting.flatMap(({ webhook }) => webhook ?? []);
    const deleted = ids.filter((id) => !known.some((webhook) => webhook.id === id));
    const disabled = known.filter(({ id, disabledAt }) => disabledAt !== null && ids.includes(id));
    const ofDeleted = Prisma.sql`(webhook_id IS NULL OR webhook_id = ANY(${deleted}))`;
    await inBatches(() => abandonBatch(this.database, ofDeleted, 'deleted', now), shutdown);
    for (const { id } of disabled) await abandonWaiting(this.database, id, 'disabled', now, shutdown);
  }

  /** Deletes what was delivered or abandoned before a time. */
  async prune(before: Date, shutdown?: AbortSignal): Promise<void> {
    await inBatches(async () => {
      const found = await this.database.$queryRaw<EventKey[]>`
        (SELECT user_id AS "userId", id FROM outbox_events WHERE delivered_at < ${before} LIMIT ${MAX_BATCH_ROWS})
        UNION ALL
        (SELECT user_id, id FROM outbox_events WHERE abandoned_at < ${before} AND delivered_at IS NULL LIMIT ${MAX_BATCH_ROWS})`;
      const old = found.slice(0, MAX_BATCH_ROWS);
      if (old.length > 0) await this.database.$executeRaw`DELETE FROM outbox_events WHERE ${oneOf(old)}`;
      return old.length;
    }, shutdown);
  }
}

/**
 * Gives up what waits for a webhook, a batch in each statement. Of one that is enabled again meanwhile the rest stays: also an old event may
 * have been replayed since.
 */
export async function abandonWaiting(
  database: Database,
  webhookId: string,
  why: 'disabled' | 'deleted',
  now: Date,
  shutdown?: AbortSignal,
): Promise<void> {
  const abandon = (client: Prisma.TransactionClient) =>
    abandonBatch(client, Prisma.sql`webhook_id = ${webhookId}`, why, now);
  const ofDisabled = async (tx: Prisma.TransactionClient) => {
    // Its lock: the change that enables it waits for this batch.
    const disabled = await tx.$queryRaw<unknown[]>`
      SELECT id FROM webhooks WHERE id = ${webhookId} AND disabled_at IS NOT NULL FOR SHARE`;
    return disabled.length > 0 ? abandon(tx) : 0;
  };
  await inBatches(
    () => (why === 'disabled' ? database.$transaction(ofDisabled) : abandon(database)),
    shutdown,
  );
}

/** @param which webhook it is of @returns how many it found */
async function abandonBatch(
  client: Prisma.TransactionClient,
  which: Prisma.Sql,
  lastError: string,
  now: Date,
): Promise<number> {
  const waiting = await client.$queryRaw<EventKey[]>`
    SELECT user_id AS "userId", id FROM outbox_events
    WHERE delivered_at IS NULL AND abandoned_at IS NULL AND ${which} LIMIT ${MAX_BATCH_ROWS}`;
  if (waiting.length > 0)
    await client.$executeRaw`
      UPDATE outbox_events SET abandoned_at = ${now}, last_error = ${lastError}
      WHERE ${oneOf(waiting)} AND delivered_at IS NULL AND abandoned_at IS NULL`;
  return waiting.length;
}

/** Those of several users may be on several servers: only the servers of these users are asked. */
export function oneOf(events: readonly EventKey[]): Prisma.Sql {
  const users = [...new Set(events.map(({ userId }) => userId))];
  return Prisma.sql`user_id = ANY(${users}) AND id = ANY(${events.map(({ id }) => id)})`;
}

function keysOf(events: readonly EventKey[]) {
  return { userId: { in: events.map(({ userId }) => userId) }, id: { in: events.map(({ id }) => id) } };
}

/** An id is sent as a header. */
const ID = /^[\w.-]{1,200}$/;

/** @returns null for a row that the broker did not write */
function read({ userId, id, type, payload: text, attempts }: Row): UndeliveredEvent | null {
  if (!ID.test(id) || attempts < 0 || attempts > MAX_ATTEMPTS) return null;
  try {
    const payload = JSON.parse(text) as Partial<Record<'timestamp' | 'data' | 'traceparent', unknown>> | null;
    const { timestamp, data, traceparent } = payload ?? {};
    if (typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp))) return null;
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return null;
    const trace = typeof traceparent === 'string' ? traceparent : null;
    return { userId, id, type, timestamp, data, failures: attempts, traceparent: trace };
  } catch {
    return null;
  }
}
