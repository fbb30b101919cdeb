import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { AuditEntry } from '../../domain/audit-entry.js';
import {
  AUDIT_QUEUE_AGE,
  AUDIT_QUEUE_EVENTS,
  AUDIT_WRITE_FAILURES,
} from '../../domain/metrics/grant-metrics.js';
import type { CounterSeries } from '../../domain/metrics/instruments.js';
import { Meter } from '../../domain/metrics/meter.js';
import { DatabaseHealth } from '../client/database-health.js';
import { Database } from '../client/database.js';
import { type AuditRow, ownerOf, toAuditRow, writeAuditRows } from './audit-rows.js';
import { RefusalRows } from './refusal-rows.js';
import { type Retry, WriteBehind } from './write-behind.js';
import { WriteByServer } from './write-by-server.js';
import { writeInHalves } from './write-in-halves.js';

/** How long the first of a batch waits for others. Issued tokens wait as long as the settings say. */
const DELAY_MS = 100;

interface Issued {
  readonly alike: string;
  readonly row: AuditRow;
}

/**
 * Writes the audit trail write-behind, so that a token does not wait for its own record. Tokens that are issued alike until the
 * next flush are counted in one row, and so are equal refusals; everything else is a row of its own. Reading:
 * audit-events.repository.ts.
 */
@Injectable()
export class AuditLog implements OnApplicationShutdown {
  readonly #log = new Logger(AuditLog.name);
  readonly #rows: WriteBehind<AuditRow>;
  readonly #issued: WriteBehind<Issued>;
  readonly #refused: RefusalRows;
  readonly #alike = new Map<string, AuditRow>();
  /** By the entry of the response cache: found without comparing. */
  readonly #again = new Map<object, AuditRow>();
  readonly #parts: readonly Omit<WriteBehind<never>, 'add' | 'close' | 'flush'>[];
  readonly #failures: CounterSeries;
  readonly #byServer: WriteByServer;

  constructor(
    private readonly database: Database,
    health: DatabaseHealth,
    settings: Settings,
    meter: Meter,
  ) {
    this.#byServer = new WriteByServer(database);
    const onError = (fault: unknown, waiting: number) => {
      health.isOutage(fault);
      // Once an outage, not with each attempt.
      if (this.#parts.some(({ isFailing }) => isFailing)) return;
      this.#log.error(
        { err: fault, waiting },
        'audit events could not be written; they are kept and tried again',
      );
    };
    const { auditFlushMs } = settings;
    this.#rows = new WriteBehind((batch, retry) => this.#write(batch, retry), onError, DELAY_MS);
    this.#issued = new WriteBehind((batch, retry) => this.#writeIssued(batch, retry), onError, auditFlushMs);
    this.#refused = new RefusalRows((batch, retry) => this.#write(batch, retry), onError, auditFlushMs);
    this.#parts = [this.#rows, this.#issued, ...this.#refused.parts];
    this.#failures = meter.counter(AUDIT_WRITE_FAILURES).series({});
    // Without repeated refusals, which are counted for a minute before they are written.
    const [firstRefusals] = this.#refused.parts;
    const due = [this.#rows, this.#issued, firstRefusals];
    const queued = () => due.reduce((sum, { waiting }) => sum + waiting, 0);
    const oldestMs = () => Math.max(...due.map((part) => part.oldestMs));
    meter.gauge(AUDIT_QUEUE_EVENTS).observe({}, queued);
    meter.gauge(AUDIT_QUEUE_AGE).observe({}, () => oldestMs() / 1000);
  }

  /**
   * Takes an entry; the caller does not wait until it is written. Nothing is dropped silently. Tokens issued
   * alike within a moment (same service, grant and scopes) become one event with a count.
   * @param source by which `repeat` finds it
   */
  record(entry: AuditEntry, source?: object): void {
    if (entry.action === 'token.issue' && entry.outcome === 'ok') this.#count(entry, source);
    else this.#rows.add(toAuditRow(entry), ownerOf(entry));
  }

  /**
   * As `record`, for a call that was refused. Refusals that are alike become one event with a count, and a service has a
   * quota of events for those that differ: a caller with a credential can be refused as often as it likes.
   */
  recordRefusal(entry: AuditEntry, source?: object): void {
    this.#refused.add(entry, source);
  }

  /**
   * Counts an event that is the same as one that waits to be written, except for its time and request.
   * @param source what the first one was recorded with
   * @returns false where none waits: then it must be recorded
   */
  repeat(source: object, at: Date): boolean {
    const row = this.#again.get(source) ?? this.#refused.again(source);
    if (!row) return false;
    row.count++;
    row.lastAt = at;
    return true;
  }

  /** Whether `waitForCapacity` would return at once. */
  hasCapacity(serviceId: string): boolean {
    for (const part of this.#parts) if (!part.hasCapacity(serviceId)) return false;
    return true;
  }

  /**
   * Backpressure: waits while too much is unwritten, in total or for this service. Call it before an action that is audited.
   * @throws when the store takes nothing: what cannot be recorded is better not done
   */
  async waitForCapacity(serviceId: string): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.waitForCapacity(serviceId)));
  }

  /**
   * Waits until all that was recorded before is written.
   * @param users whose events the caller waits for: those of others may wait for a server that is away; null: all
   * @throws when it cannot be
   */
  async flush(users: readonly (string | null)[] | null = null): Promise<void> {
    const isOwn = ({ userId }: AuditRow) => users === null || users.includes(userId ?? null);
    const counted = [this.#issued, ...this.#refused.parts];
    const isCounted = ({ row }: { readonly row: AuditRow }) => isOwn(row);
    await Promise.all([this.#rows.flush(isOwn), ...counted.map((part) => part.flush(isCounted))]);
  }

  /**
   * As `flush`, after a change that is committed: its result, which may be a key that is shown this once, must reach the caller also
   * where its event cannot be written yet. That is logged (`onError`), and tried again until the process ends.
   */
  async flushCommitted(users: readonly (string | null)[] | null): Promise<void> {
    await this.flush(users).catch(() => undefined);
  }

  /** Nest shuts down what depends on the database before the database. */
  async onApplicationShutdown(): Promise<void> {
    const [first, repeated] = this.#refused.parts;
    const counted = [this.#issued.close(), first.close(), repeated.close()];
    const [rows, ...others] = await Promise.all([this.#rows.close(), ...counted]);
    for (const event of [...rows, ...others.flat().map(({ row }) => row)]) {
      this.#log.error({ event }, 'audit event could not be written');
    }
  }

  #count(entry: AuditEntry, source: object | undefined): void {
    const row = this.#rowOf(entry);
    if (source) this.#again.set(source, row);
    row.count++;
    row.lastAt = entry.at;
  }

  #rowOf(entry: AuditEntry): AuditRow {
    const alike = `${entry.serviceId ?? ''} ${entry.grantId ?? ''} ${JSON.stringify(entry.details)}`;
    let row = this.#alike.get(alike);
    if (!row) {
      row = { ...toAuditRow(entry), count: 0 };
      this.#alike.set(alike, row);
      this.#issued.add({ alike, row }, ownerOf(entry));
    }
    return row;
  }

  async #writeIssued(batch: readonly Issued[], retry: Retry | null): Promise<void> {
    // What comes from now on is counted in another row: one that is being written must not change.
    for (const { alike, row } of batch) if (this.#alike.get(alike) === row) this.#alike.delete(alike);
    this.#again.clear();
    const rows = batch.map(({ row }) => row);
    await this.#write(rows, retry);
  }

  async #write(batch: readonly AuditRow[], retry: Retry | null): Promise<void> {
    // A batch may have been written although its response was lost; ids made here make a retry harmless.
    try {
      if (this.database.isDistributed()) await this.#byServer.write(batch, retry);
      else await writeInHalves(batch, (rows) => this.#writeTogether(rows));
    } catch (error) {
      this.#failures.add();
      throw error;
    }
  }

  async #writeTogether(rows: readonly AuditRow[]): Promise<void> {
    const { text, values } = writeAuditRows(this.database, rows);
    await this.database.prepared('write audit events', text, [...values]);
  }
}
