import { Injectable } from '@nestjs/common';
import { IntegrityReporter } from '../../domain/ports/integrity-reporter.js';
import type { EventType } from '../../domain/webhook/webhook.js';
import { Database } from '../client/database.js';

/** An event that is not delivered yet. */
export interface UndeliveredEvent {
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

interface Row {
  readonly id: string;
  readonly sequence: bigint;
  readonly type: EventType;
  /** As text: a payload that Prisma cannot read must not fail the others. */
  readonly payload: string;
  readonly attempts: number;
}

const PRUNE_BATCH = 5000;
/** No event is tried so often: the schedule ends before. */
const MAX_ATTEMPTS = 1000;

/** Still to be delivered. */
const OPEN = { deliveredAt: null, abandonedAt: null };

/** Reads the outbox for delivery. Replicas share the work: what one has claimed, no other gets (FOR UPDATE SKIP LOCKED). */
@Injectable()
export class OutboxEventsRepository {
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
    // One statement: no lock and no connection is held while the receiver answers.
    const rows = await this.database.$queryRaw<Row[]>`
      UPDATE outbox_events SET next_attempt_at = ${until}
      WHERE id IN (
        SELECT id FROM outbox_events
        WHERE webhook_id = ${webhookId} AND delivered_at IS NULL AND abandoned_at IS NULL AND next_attempt_at <= ${now}
        ORDER BY next_attempt_at, sequence LIMIT ${most} FOR UPDATE SKIP LOCKED
      )
      RETURNING id, sequence, type, payload::text AS payload, attempts`;
    const events = rows.sort((a, b) => (a.sequence < b.sequence ? -1 : 1)).map(read);
    const malformed = rows.filter((_, index) => events[index] === null);
    if (malformed.length > 0) await this.#abandonMalformed(malformed, now);
    return { events: events.filter((event) => event !== null), isMore: rows.length === most };
  }

  async #abandonMalformed(malformed: readonly Row[], now: Date): Promise<void> {
    const ids = malformed.map(({ id }) => id);
    await this.abandon(ids, 'malformed', now);
    const reason = 'An event for the app is malformed and was abandoned: the app has not received it.';
    for (const id of ids) this.reporter.report({ kind: 'outbox_event', id, reason });
  }

  /** Abandons what was claimed and not tried. */
  async abandon(ids: readonly string[], lastError: string, now: Date): Promise<void> {
    await this.database.outboxEvent.updateMany({
      where: { id: { in: [...ids] }, ...OPEN },
      data: { abandonedAt: now, lastError },
    });
  }

  /** Releases what was claimed and not tried. @param due when it may be tried */
  async release(ids: readonly string[], due: Date): Promise<void> {
    await this.database.outboxEvent.updateMany({
      where: { id: { in: [...ids] }, ...OPEN },
      data: { nextAttemptAt: due },
    });
  }

  async delivered(id: string, now: Date): Promise<void> {
    await this.database.outboxEvent.updateMany({
      where: { id },
      data: { deliveredAt: now, abandonedAt: null, attempts: { increment: 1 }, lastError: null },
    });
  }

  /** @param next when to try again; null: never */
  async failed(id: string, error: string, now: Date, next: Date | null): Promise<void> {
    await this.database.outboxEvent.updateMany({
      // Another replica may have taken over and delivered it meanwhile.
      where: { id, ...OPEN },
      data: {
        attempts: { increment: 1 },
        lastError: error,
        ...(next ? { nextAttemptAt: next } : { abandonedAt: now }),
      },
    });
  }

  /** Abandons what no webhook is there for, such as events of one that was deleted while they were stored. */
  async abandonOrphans(now: Date): Promise<void> {
    await this.database.$executeRaw`
      UPDATE outbox_events SET abandoned_at = ${now}, last_error = 'deleted'
      WHERE delivered_at IS NULL AND abandoned_at IS NULL
        AND NOT EXISTS (SELECT FROM webhooks WHERE webhooks.id = outbox_events.webhook_id)`;
  }

  /** Deletes what was delivered or abandoned before a time. */
  async prune(before: Date): Promise<void> {
    for (;;) {
      const count = await this.database.$executeRaw`
        DELETE FROM outbox_events WHERE id IN (
          (SELECT id FROM outbox_events WHERE delivered_at < ${before} LIMIT ${PRUNE_BATCH})
          UNION ALL
          (SELECT id FROM outbox_events WHERE abandoned_at < ${before} AND delivered_at IS NULL LIMIT ${PRUNE_BATCH}))`;
      if (count < PRUNE_BATCH) return;
    }
  }
}

/** An id is sent as a header. */
const ID = /^[\w.-]{1,200}$/;

/** @returns null for a row that the broker did not write */
function read({ id, type, payload: text, attempts }: Row): UndeliveredEvent | null {
  if (!ID.test(id) || attempts < 0 || attempts > MAX_ATTEMPTS) return null;
  try {
    const payload = JSON.parse(text) as Partial<Record<'timestamp' | 'data' | 'traceparent', unknown>> | null;
    const { timestamp, data, traceparent } = payload ?? {};
    if (typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp))) return null;
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return null;
    const trace = typeof traceparent === 'string' ? traceparent : null;
    return { id, type, timestamp, data, failures: attempts, traceparent: trace };
  } catch {
    return null;
  }
}
