import { randomUUID } from 'node:crypto';
import type { Logger } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';
import type { ServerPlace } from '../client/address-source.js';
import type { DatabaseHealth } from '../client/database-health.js';
import type { SentHeartbeat } from './change-heartbeats.js';
import type { Change, ChangeListener, Notification } from './change-listener.js';
import { type ChangesFault, FeedFreshness, FRESH_MS, seenOf } from './feed-freshness.js';
import { type HandOver, ListenConnection } from './listen-connection.js';

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
/**
 * A worker that does not answer is left alone for so many times as long as it took to fail: each heartbeat keeps a session of the coordinator
 * busy for longer than it is waited for.
 */
const SILENT_PAUSE = 3;
const NOT_RECEIVED: ChangesFault = { reason: 'heartbeat_not_received', seen: {} };

/** What the changes of a server are for. */
export interface ServerEvents {
  readonly publish: (change: Change) => void;
  /**
   * Writes a heartbeat at the server, as a change is written.
   * @param listener what listens there; null: none does
   * @throws what the database throws
   */
  readonly send: (id: string, listener: ChangeListener | null) => Promise<SentHeartbeat>;
  /** Why a heartbeat that was written says nothing; null where it does. */
  readonly contradiction: (listener: ChangeListener) => ChangesFault | null;
  readonly opened: () => Promise<void>;
}

/**
 * The changes of one server: a connection that LISTENs, heartbeats that are written there, and how long what is in memory may be
 * trusted. Whatever swallows notifications swallows heartbeats as well: a network, a pooler, another server behind the same address,
 * triggers that do not fire.
 * Does not publish changes (change-feed.ts), and does not know which servers there are (cluster-changes.ts).
 */
export class ServerChanges {
  readonly freshness: FeedFreshness;
  readonly #connection: ListenConnection;
  /** Called with each connection that receives the heartbeat, and with null when the broker stops. */
  readonly #pending = new Map<string, (by: ChangeListener | null) => void>();
  readonly #maxPending: number;
  #pausedUntil = 0;
  #isStopped = false;

  constructor(
    settings: Settings,
    log: Logger,
    private readonly health: DatabaseHealth,
    private readonly events: ServerEvents,
    private readonly at: ServerPlace | null = null,
  ) {
    this.#maxPending = Math.max(1, Math.min(MAX_PENDING, Math.floor(settings.databasePoolSize / POOL_SHARE)));
    this.freshness = new FeedFreshness(log, settings.cacheWithoutDatabaseMs, settings.cacheMaxAgeMs);
    this.#connection = new ListenConnection(
      settings,
      {
        notified: (notification, by) => {
          this.#notified(notification, by);
        },
        handOver: (previous, next) => this.#handOver(previous, next),
        opened: (isComplete) => this.#opened(isComplete),
        lost: (error) => {
          this.#report({ reason: 'not_listening', seen: seenOf(error) });
          this.freshness.connectionLost();
        },
        openFailed: (error) => {
          this.#report({ reason: 'not_listening', seen: seenOf(error) });
        },
      },
      at,
    );
  }

  /** Whether a connection listens. */
  get isListening(): boolean {
    return this.#connection.current !== null;
  }

  /** Which run of the server is listened to: client/session.ts, SERVER_RUN_SQL. Null while its changes are not received. */
  get run(): string | null {
    return this.freshness.isReceiving ? (this.#connection.current?.server ?? null) : null;
  }

  open(): Promise<void> {
    return this.#connection.open();
  }

  /** Called regularly. */
  tick(): void {
    // One heartbeat is enough to notice that a worker that was silent is back.
    const isSilent = this.at !== null && !this.freshness.isReceiving;
    if (performance.now() >= this.#pausedUntil && this.#pending.size < (isSilent ? 1 : this.#maxPending))
      void this.heartbeat();
    this.#connection.replaceWhenDue();
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    for (const received of this.#pending.values()) received(null);
    await this.#connection.close();
  }

  /** Until the previous connection has received a heartbeat that was sent after the next one listened, it counts alone. */
  async #handOver(previous: ChangeListener, next: ChangeListener): Promise<HandOver> {
    const startedAt = performance.now();
    const id = randomUUID();
    const missing = new Set<ChangeListener | null>([previous, next]);
    const echo = new Promise<void>((resolve) =>
      this.#pending.set(id, (by) => {
        missing.delete(by);
        if (by === null || missing.size === 0) resolve();
      }),
    );
    try {
      const report = await this.events.send(id, next);
      const fault = report.fault ?? this.events.contradiction(next);
      if (!fault) await within(echo, LOST_MS);
      if (this.#isStopped) return 'stopped';
      if (!fault && !missing.has(previous)) return missing.has(next) ? 'failed' : 'complete';
      this.#markStale(fault ?? NOT_RECEIVED, report.sentAt);
      return 'missed';
    } catch (error) {
      this.#heartbeatFailed(error, startedAt);
      return 'failed';
    } finally {
      this.#pending.delete(id);
    }
  }

  async #opened(isComplete: boolean): Promise<void> {
    // What changed while no connection listened is unknown.
    if (!isComplete) this.events.publish({ kind: 'everything' });
    await this.heartbeat();
    await this.events.opened().catch(() => undefined);
  }

  #notified(notification: Notification, by: ChangeListener): void {
    if (notification.kind === 'heartbeat') this.#pending.get(notification.id)?.(by);
    else this.events.publish(notification);
  }

  /** Returns when all that was committed before has been published. */
  async heartbeat(): Promise<void> {
    const startedAt = performance.now();
    const id = randomUUID();
    const listener = this.#connection.current;
    const echo = new Promise<ChangeListener | null>((received) =>
      this.#pending.set(id, (by) => {
        if (by === null || by === listener || by === this.#connection.current) received(by);
      }),
    );
    try {
      const report = await this.events.send(id, listener);
      const fault = report.fault ?? (listener && this.#contradiction(listener));
      if (fault) this.#markStale(fault, report.sentAt);
      else if (listener) this.#judge(await within(echo, LOST_MS), listener, report.sentAt);
    } catch (error) {
      this.#heartbeatFailed(error, startedAt);
    } finally {
      this.#pending.delete(id);
    }
  }

  #contradiction(listener: ChangeListener): ChangesFault | null {
    if (listener !== this.#connection.current) return null;
    const fault = this.events.contradiction(listener);
    // Which of them is the old primary, a new connection shows.
    if (fault && performance.now() > listener.openedAt + FRESH_MS) void this.#connection.open();
    return fault;
  }

  /** @param by the connection that received the heartbeat; null: none did in time */
  #judge(by: ChangeListener | null, listener: ChangeListener, sentAt: number): void {
    if (this.#isStopped) return;
    if (by !== null && by === this.#connection.current) {
      const invalidate = () => {
        this.events.publish({ kind: 'everything' });
      };
      if (this.freshness.heartbeatReceived(sentAt, invalidate)) this.#connection.resetBackoff();
      this.#pausedUntil = 0;
    } else if (by === null && listener === this.#connection.current) {
      this.#markStale(NOT_RECEIVED, sentAt);
      this.#connection.drop(listener);
    }
  }

  #markStale(fault: ChangesFault, at: number): void {
    this.freshness.markStale(at);
    this.#report(fault);
  }

  #heartbeatFailed(error: unknown, startedAt: number): void {
    const now = performance.now();
    if (!this.health.isOutage(error)) {
      this.#pausedUntil = now + REFUSED_PAUSE_MS;
      this.freshness.heartbeatRefused();
    } else if (this.at !== null && !this.freshness.isReceiving)
      this.#pausedUntil = now + SILENT_PAUSE * (now - startedAt);
    // One failure among successes means nothing.
    if (!this.freshness.isReceiving) this.#report({ reason: 'heartbeat_failed', seen: seenOf(error) });
  }

  #report(fault: ChangesFault): void {
    const worker = this.at && { worker: `${this.at.host}:${this.at.port}` };
    if (!this.#isStopped) this.freshness.report({ ...fault, seen: { ...fault.seen, ...worker } });
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
