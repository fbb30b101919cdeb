import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { ChangeFeed, type ChangesFault } from '../domain/ports/change-feed.js';
import { Clock } from '../domain/ports/clock.js';
import { ChangeHeartbeats, type HeartbeatReport } from './change-heartbeats.js';
import { ChangeListener, type Notification } from './change-listener.js';
import { Database } from './database.js';

const HEARTBEAT_MS = 500;
/** So long after a heartbeat was sent and heard, caches are believed. */
const TRUST_MS = 1500;
/** A heartbeat that was written and not heard for so long is lost, however busy everything is. */
const LOST_MS = 3000;
/** More wait for the database only when it does not answer. */
const MAX_UNANSWERED = 10;
/** A database that refuses heartbeats is not asked at each turn. */
const REFUSED_PAUSE_MS = 5000;
const RECONNECT_MS = 200;
const MAX_RECONNECT_MS = 5000;
/** The listening connection is replaced at a random moment between this share of its lifetime and all but the rest. */
const REPLACE_FROM = 0.7;
const REPLACE_SPREAD = 0.2;

/**
 * Hears of changes by LISTEN, from triggers that NOTIFY, and believes so only while heartbeats are heard that take the
 * same way: twice a second a row is written through the pool, and its trigger notifies. Whatever swallows changes
 * swallows these as well: a network, a pooler, another server behind the same address, triggers that do not fire.
 */
@Injectable()
export class PostgresChanges extends ChangeFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #log = new Logger(PostgresChanges.name);
  readonly #unheard = new Map<string, Unheard>();
  #listener: ChangeListener | null = null;
  #replaceAt = 0;
  #isOpening = false;
  #reconnectMs = RECONNECT_MS;
  #timer: NodeJS.Timeout | null = null;
  #pausedUntil = 0;
  #isStopped = false;
  #fault: ChangesFault | null = null;
  /** When something was found that may have swallowed changes. */
  #doubtedAt = 0;
  /** Whether changes may have been missed since the last that were heard. */
  #isGap = false;
  #heardUntil = 0;
  #trustedUntil = 0;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly heartbeats: ChangeHeartbeats,
  ) {
    super();
  }

  override get isTrusted(): boolean {
    return performance.now() < this.#trustedUntil;
  }

  override get fault(): ChangesFault | null {
    return performance.now() < this.#heardUntil ? null : this.#fault;
  }

  /** While the database is away, as the settings allow, nothing grows older. */
  override believes(readAt: number): boolean {
    const now = performance.now();
    return now < this.#trustedUntil && readAt > Math.min(now, this.#heardUntil) - this.settings.cacheMaxAgeMs;
  }

  override catchUp(): Promise<void> {
    return this.#listener ? this.#heartbeat() : Promise.resolve();
  }

  /** Does not wait for a database that is away: the broker starts without it and says so at /health/ready. */
  async onApplicationBootstrap(): Promise<void> {
    this.#timer = setInterval(() => {
      this.#keepHearing();
    }, HEARTBEAT_MS).unref();
    await Promise.race([this.#listen(), new Promise((resolve) => setTimeout(resolve, TRUST_MS).unref())]);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) clearInterval(this.#timer);
    for (const { heard } of this.#unheard.values()) heard(null);
    await this.#listener?.close();
  }

  #keepHearing(): void {
    const now = performance.now();
    if (now >= this.#pausedUntil && this.#unheard.size < MAX_UNANSWERED) void this.#heartbeat();
    const listener = this.#listener;
    if (!listener || now < this.#replaceAt) return;
    // One that could not be replaced in time may be at a server that nobody writes to any more.
    const lifetimeMs = this.settings.databaseConnectionLifetimeMs + TRUST_MS;
    if (now > listener.openedAt + lifetimeMs) this.#lose(listener);
    else void this.#listen();
  }

  /** The one before goes on listening until the new one has heard a heartbeat. */
  async #listen(): Promise<void> {
    if (this.#isOpening || this.#isStopped) return;
    this.#isOpening = true;
    try {
      const listener = await this.#open();
      const before = this.#listener;
      this.#listener = listener;
      const lifetimeMs = this.settings.databaseConnectionLifetimeMs;
      this.#replaceAt = listener.openedAt + lifetimeMs * (REPLACE_FROM + REPLACE_SPREAD * Math.random());
      // What was changed where nobody listened is unknown.
      if (before?.server !== listener.server) this.publish({ kind: 'everything' });
      await this.#heartbeat();
      await before?.close();
      await this.heartbeats.prune().catch(() => undefined);
    } catch (error) {
      if (!this.#listener) this.#report({ reason: 'not_listening', seen: seenOf(error) });
    } finally {
      this.#isOpening = false;
      if (!this.#listener) this.#listenLater();
    }
  }

  async #open(): Promise<ChangeListener> {
    const listener = await ChangeListener.open(this.settings.databaseUrl, {
      notified: (notification, by) => {
        this.#notified(notification, by);
      },
      lost: (listener, error) => {
        this.#lose(listener, error);
      },
    });
    if (!this.#isStopped) return listener;
    await listener.close();
    throw new Error('The broker stops.');
  }

  #listenLater(): void {
    const ms = this.#reconnectMs;
    this.#reconnectMs = Math.min(MAX_RECONNECT_MS, 2 * ms);
    setTimeout(() => void this.#listen(), ms).unref();
  }

  #lose(listener: ChangeListener, error?: Error): void {
    if (listener !== this.#listener || this.#isStopped) return;
    this.#report({ reason: 'not_listening', seen: seenOf(error) });
    // What the connection took with it is unknown; only what the settings allow is left of the trust.
    if (this.settings.memoryWithoutDatabaseMs === 0) this.#trustedUntil = 0;
    void this.#drop(listener);
  }

  async #drop(listener: ChangeListener): Promise<void> {
    this.#listener = null;
    if (!this.#isOpening) this.#listenLater();
    await listener.close();
  }

  #notified(notification: Notification, by: ChangeListener): void {
    if (notification.kind !== 'heartbeat') {
      this.publish(notification);
      return;
    }
    const heartbeat = this.#unheard.get(notification.id);
    if (by === this.#listener || by === heartbeat?.listener) heartbeat?.heard(by);
  }

  async #heartbeat(): Promise<void> {
    const id = randomUUID();
    const listener = this.#listener;
    const echo = new Promise<ChangeListener | null>((heard) => this.#unheard.set(id, { listener, heard }));
    try {
      const report = await this.heartbeats.send(id);
      this.clock.synchronise(report);
      const fault = report.fault ?? this.#otherServer(report, listener);
      if (fault) this.#doubt(fault, report.sentAt);
      else if (listener) this.#judge(await within(echo, LOST_MS), listener, report.sentAt);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#unheard.delete(id);
    }
  }

  /** A connection of the pool at another server than the one that is listened to: then changes are made there. */
  #otherServer(report: HeartbeatReport, listener: ChangeListener | null): ChangesFault | null {
    if (!listener || listener !== this.#listener) return null;
    if (report.server === listener.server && this.database.reachesOnly(listener.server)) return null;
    // Which of them is the old one, a new connection knows.
    if (performance.now() > listener.openedAt + TRUST_MS) void this.#listen();
    return { reason: 'servers_differ', seen: {} };
  }

  /** @param by which connection heard it; null: none did */
  #judge(by: ChangeListener | null, listener: ChangeListener, sentAt: number): void {
    if (this.#isStopped) return;
    if (by !== null && by === this.#listener) this.#trust(sentAt);
    else if (by === null && listener === this.#listener) {
      this.#doubt({ reason: 'heartbeat_not_heard', seen: {} }, sentAt);
      void this.#drop(listener);
    }
  }

  /** What was committed before the heartbeat was sent has been heard by now. */
  #trust(sentAt: number): void {
    if (sentAt <= this.#doubtedAt) return;
    if (this.#isGap) this.publish({ kind: 'everything' });
    this.#isGap = false;
    this.#heardUntil = Math.max(this.#heardUntil, sentAt + TRUST_MS);
    this.#trustedUntil = this.#heardUntil + this.settings.memoryWithoutDatabaseMs;
    this.#reconnectMs = RECONNECT_MS;
    if (this.#fault && !this.#isStopped) this.#log.log('changes are heard again');
    this.#fault = null;
  }

  /** The database answers, and tells nothing: it is asked, however long the settings would do without it. */
  #doubt(fault: ChangesFault, at: number): void {
    this.#doubtedAt = Math.max(this.#doubtedAt, at);
    this.#isGap = true;
    this.#heardUntil = 0;
    this.#trustedUntil = 0;
    this.#report(fault);
  }

  #fail(error: unknown): void {
    if (!this.database.isOutage(error)) {
      this.#pausedUntil = performance.now() + REFUSED_PAUSE_MS;
      this.#trustedUntil = Math.min(this.#trustedUntil, this.#heardUntil);
    }
    // One that failed among others means nothing.
    if (performance.now() > this.#heardUntil) {
      this.#report({ reason: 'heartbeat_failed', seen: seenOf(error) });
    }
  }

  /** Once, until it is another. */
  #report(fault: ChangesFault): void {
    if (this.#isStopped || JSON.stringify(fault) === JSON.stringify(this.#fault)) return;
    this.#fault = fault;
    this.#log.warn(
      { reason: fault.reason, ...fault.seen },
      `changes are not heard, and calls are answered from the database: ${WORDS[fault.reason]}`,
    );
  }
}

interface Unheard {
  /** Who listened when it was sent. */
  readonly listener: ChangeListener | null;
  readonly heard: (by: ChangeListener | null) => void;
}

const WORDS: Readonly<Record<ChangesFault['reason'], string>> = {
  not_listening: 'the listening connection is lost or cannot be opened',
  heartbeat_failed: 'the heartbeat cannot be written',
  heartbeat_not_heard:
    'a heartbeat was written and not notified. A pooler in transaction mode does not pass on what LISTEN hears',
  triggers_missing:
    'triggers are missing or disabled. Enable them with ALTER TABLE ... ENABLE ALWAYS TRIGGER',
  triggers_bypassed: 'session_replication_role is set to replica, where ordinary triggers do not fire',
  servers_differ: 'connections to DATABASE_URL reach different servers, as after a failover',
};

/** Its code says enough; a message could quote the address. */
function seenOf(error: unknown): Readonly<Record<string, unknown>> {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? { error: code } : {};
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      // After a stall of this process the answer is in the socket still: first that is read.
      setImmediate(() => setImmediate(resolve, null));
    }, ms).unref();
  });
  return Promise.race([promise, tooLong]).finally(() => {
    clearTimeout(timer);
  });
}
