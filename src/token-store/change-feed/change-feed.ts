import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { CHANGE_FEED_LAG, CHANGE_FEED_UP, HEARTBEAT_AGE } from '../../domain/metrics/system-metrics.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { DatabaseHealth } from '../client/database-health.js';
import { Database } from '../client/database.js';
import { ChangeHeartbeats, type HeartbeatReport } from './change-heartbeats.js';
import type { Change, ChangeListener, Notification } from './change-listener.js';
import { type ChangesFault, FeedFreshness, FRESH_MS, seenOf } from './feed-freshness.js';
import { ListenConnection } from './listen-connection.js';

const HEARTBEAT_MS = 500;
/** A heartbeat whose notification takes longer is lost, however busy everything is. */
const LOST_MS = 3000;
/**
 * More are pending only when the database does not answer, or its commits wait for a standby that is away. Each holds a connection,
 * and most of the pool is for calls.
 */
const MAX_PENDING = 3;
/** Of pooled connections that one heartbeat may hold. */
const POOL_SHARE = 3;
/** A database that refuses heartbeats is not asked at each tick. */
const REFUSED_PAUSE_MS = 5000;

interface PendingHeartbeat {
  /** The connection that listened when it was sent. */
  readonly listener: ChangeListener | null;
  readonly received: (by: ChangeListener | null) => void;
}

/**
 * Publishes changes of grants and services to the caches of this process, and says whether they may be used.
 *
 * Subscribes to PostgreSQL by LISTEN; triggers NOTIFY. Caches are valid only while heartbeats come back on the same path:
 * twice a second a row is written through the pool, and its trigger notifies. Whatever swallows notifications swallows
 * heartbeats as well: a network, a pooler, another server behind the same address, triggers that do not fire.
 */
@Injectable()
export class ChangeFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #subscribers = new Set<(change: Change) => void>();
  readonly #freshness: FeedFreshness;
  readonly #connection: ListenConnection;
  readonly #pending = new Map<string, PendingHeartbeat>();
  #timer: NodeJS.Timeout | null = null;
  #pausedUntil = 0;
  readonly #maxPending: number;
  #isStopped = false;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly health: DatabaseHealth,
    private readonly heartbeats: ChangeHeartbeats,
    meter: Meter,
  ) {
    const log = new Logger(ChangeFeed.name);
    this.#maxPending = Math.max(1, Math.min(MAX_PENDING, Math.floor(settings.databasePoolSize / POOL_SHARE)));
    this.#freshness = new FeedFreshness(log, settings.cacheWithoutDatabaseMs, settings.cacheMaxAgeMs);
    this.#connection = new ListenConnection(settings, {
      notified: (notification, by) => {
        this.#notified(notification, by);
      },
      opened: (listener, previous) => this.#opened(listener, previous),
      lost: (error) => {
        this.#report({ reason: 'not_listening', seen: seenOf(error) });
        this.#freshness.connectionLost();
      },
      openFailed: (error) => {
        this.#report({ reason: 'not_listening', seen: seenOf(error) });
      },
    });
    database.nameStatementsWhile(() => this.isUpToDate);
    const isUp = () => this.fault === null && this.isUpToDate;
    meter.gauge(CHANGE_FEED_UP).observe({}, () => (isUp() ? 1 : 0));
    meter.gauge(HEARTBEAT_AGE).observe({}, () => (performance.now() - this.#freshness.receivedAt) / 1000);
    meter.gauge(CHANGE_FEED_LAG).observe({}, () => this.#freshness.lagMs / 1000);
  }

  /** Whether caches may be used: notifications arrive within moments, or the settings allow a time without them. */
  get isUpToDate(): boolean {
    return this.#freshness.isValid;
  }

  /** Why caches are stale, or soon will be; null while notifications are received. */
  get fault(): ChangesFault | null {
    return this.#freshness.fault;
  }

  /**
   * Whether data read at a moment may still be used: notifications are received, and it is not older than the settings
   * allow.
   * @param readAt when the query was sent, by performance.now()
   */
  isValidSince(readAt: number): boolean {
    return this.#freshness.isValidSince(readAt);
  }

  publish(change: Change): void {
    for (const subscriber of [...this.#subscribers]) subscriber(change);
  }

  /** @returns ends the subscription */
  subscribe(subscriber: (change: Change) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** Waits for the next change of a user's grants under a client, for `timeoutMs` at most. */
  nextChange(userId: string, client: string, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        unsubscribe();
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      const unsubscribe = this.subscribe((change) => {
        const isIt = change.kind === 'grant' && change.userId === userId && change.client === client;
        if (isIt || change.kind === 'everything') done();
      });
    });
  }

  /** Returns when all that was committed before has been published. Does nothing where no connection listens. */
  catchUp(): Promise<void> {
    return this.#connection.current ? this.#heartbeat() : Promise.resolve();
  }

  /** Does not wait for a database that is away: the broker starts without it and says so at /health/ready. */
  async onApplicationBootstrap(): Promise<void> {
    this.#timer = setInterval(() => {
      if (performance.now() >= this.#pausedUntil && this.#pending.size < this.#maxPending)
        void this.#heartbeat();
      this.#connection.replaceWhenDue();
    }, HEARTBEAT_MS).unref();
    await Promise.race([
      this.#connection.open(),
      new Promise((resolve) => setTimeout(resolve, FRESH_MS).unref()),
    ]);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) clearInterval(this.#timer);
    for (const { received } of this.#pending.values()) received(null);
    await this.#connection.close();
  }

  /** The previous connection listens until the new one has received a heartbeat. */
  async #opened(listener: ChangeListener, previous: ChangeListener | null): Promise<void> {
    // What changed while no connection listened is unknown.
    if (previous?.server !== listener.server) this.publish({ kind: 'everything' });
    await this.#heartbeat();
    await previous?.close();
    await this.heartbeats.prune().catch(() => undefined);
  }

  #notified(notification: Notification, by: ChangeListener): void {
    if (notification.kind !== 'heartbeat') {
      this.publish(notification);
      return;
    }
    const heartbeat = this.#pending.get(notification.id);
    if (by === this.#connection.current || by === heartbeat?.listener) heartbeat?.received(by);
  }

  async #heartbeat(): Promise<void> {
    const id = randomUUID();
    const listener = this.#connection.current;
    const echo = new Promise<ChangeListener | null>((received) =>
      this.#pending.set(id, { listener, received }),
    );
    try {
      const report = await this.heartbeats.send(id);
      this.clock.synchronise(report);
      const fault = report.fault ?? this.#otherServer(report, listener);
      if (fault) this.#markStale(fault, report.sentAt);
      else if (listener) this.#judge(await within(echo, LOST_MS), listener, report.sentAt);
    } catch (error) {
      this.#heartbeatFailed(error);
    } finally {
      this.#pending.delete(id);
    }
  }

  /** A pooled connection reaches another server than the listening one: changes made there notify elsewhere. */
  #otherServer(report: HeartbeatReport, listener: ChangeListener | null): ChangesFault | null {
    if (!listener || listener !== this.#connection.current) return null;
    if (report.server === listener.server && this.database.reachesOnly(listener.server)) return null;
    // Which of them is the old primary, a new connection shows.
    if (performance.now() > listener.openedAt + FRESH_MS) void this.#connection.open();
    return { reason: 'servers_differ', seen: {} };
  }

  /** @param by the connection that received the heartbeat; null: none did in time */
  #judge(by: ChangeListener | null, listener: ChangeListener, sentAt: number): void {
    if (this.#isStopped) return;
    if (by !== null && by === this.#connection.current) {
      const invalidate = () => {
        this.publish({ kind: 'everything' });
      };
      if (this.#freshness.heartbeatReceived(sentAt, invalidate)) this.#connection.resetBackoff();
    } else if (by === null && listener === this.#connection.current) {
      this.#markStale({ reason: 'heartbeat_not_received', seen: {} }, sentAt);
      this.#connection.drop(listener);
    }
  }

  #markStale(fault: ChangesFault, at: number): void {
    this.#freshness.markStale(at);
    this.#report(fault);
  }

  #heartbeatFailed(error: unknown): void {
    if (!this.health.isOutage(error)) {
      this.#pausedUntil = performance.now() + REFUSED_PAUSE_MS;
      this.#freshness.heartbeatRefused();
    }
    // One failure among successes means nothing.
    if (!this.#freshness.isReceiving) this.#report({ reason: 'heartbeat_failed', seen: seenOf(error) });
  }

  #report(fault: ChangesFault): void {
    if (!this.#isStopped) this.#freshness.report(fault);
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      // After a stall of this process the notification may wait in the socket: it is read first.
      setImmediate(() => setImmediate(resolve, null));
    }, ms).unref();
  });
  return Promise.race([promise, timedOut]).finally(() => {
    clearTimeout(timer);
  });
}
