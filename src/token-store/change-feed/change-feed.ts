import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Clock } from '../../domain/ports/clock.js';
import { type AddressSource, directAddress } from '../client/address-source.js';
import { Database } from '../client/database.js';
import { ChangeFaults, seenOf } from './change-faults.js';
import { ChangeHeartbeats, type HeartbeatReport } from './change-heartbeats.js';
import { ChangeListener, type Notification } from './change-listener.js';
import { ChangeTrust, TRUST_MS } from './change-trust.js';
import { Change, ChangesFault } from './change.js';

const HEARTBEAT_MS = 500;
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
 * Says what must not be believed any more of what was read before.
 *
 * Hears of changes by LISTEN, from triggers that NOTIFY, and believes so only while heartbeats are heard that take the
 * same way: twice a second a row is written through the pool, and its trigger notifies. Whatever swallows changes
 * swallows these as well: a network, a pooler, another server behind the same address, triggers that do not fire.
 */
@Injectable()
export class ChangeFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  changeOf(userId: string, client: string, atMostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        stop();
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, atMostMs);
      const stop = this.subscribe((change) => {
        const isOther = change.kind === 'grant' && (change.userId !== userId || change.client !== client);
        if (change.kind !== 'services' && !isOther) done();
      });
    });
  }

  publish(change: Change): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly #listeners = new Set<(change: Change) => void>();

  readonly #faults = new ChangeFaults(new Logger(ChangeFeed.name));
  readonly #trust: ChangeTrust;
  readonly #source: AddressSource;
  readonly #unheard = new Map<string, Unheard>();
  #listener: ChangeListener | null = null;
  #replaceAt = 0;
  #isOpening = false;
  #reconnectMs = RECONNECT_MS;
  #timer: NodeJS.Timeout | null = null;
  #pausedUntil = 0;
  #isStopped = false;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly heartbeats: ChangeHeartbeats,
  ) {
    this.#trust = new ChangeTrust(settings.memoryWithoutDatabaseMs, settings.cacheMaxAgeMs);
    this.#source = directAddress(settings);
    database.nameStatementsWhile(() => this.isTrusted);
  }

  /**
   * Whether caches may be believed: every change is heard within moments, or the settings allow a time without.
   */
  get isTrusted(): boolean {
    return this.#trust.isTrusted;
  }

  /** Why caches are not believed, or not for much longer; null: changes are heard. */
  get fault(): ChangesFault | null {
    return this.#trust.isHeard ? null : this.#faults.current;
  }

  /**
   * Whether what was read at a moment may still be believed: changes are heard, and it is not older than the settings
   * allow.
   * @param readAt when the question was sent, by performance.now()
   */
  believes(readAt: number): boolean {
    return this.#trust.believes(readAt);
  }

  /**
   * Returns when all that was committed before has been heard. Does nothing where changes are not heard.
   */
  catchUp(): Promise<void> {
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
    // One that could not be replaced in time may be at a server that is not written to any more.
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
      // What was changed while nothing listened is unknown.
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
    const { databaseDirectUrl, databasePooler } = this.settings;
    const pooler = databaseDirectUrl === null ? databasePooler : 'session';
    const listener = await ChangeListener.open(this.#source, pooler, {
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
    this.#trust.lost();
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
    if (by !== null && by === this.#listener) this.#hear(sentAt);
    else if (by === null && listener === this.#listener) {
      this.#doubt({ reason: 'heartbeat_not_heard', seen: {} }, sentAt);
      void this.#drop(listener);
    }
  }

  #hear(sentAt: number): void {
    const forget = () => {
      this.publish({ kind: 'everything' });
    };
    if (!this.#trust.heard(sentAt, forget)) return;
    this.#reconnectMs = RECONNECT_MS;
    this.#faults.clear();
  }

  #doubt(fault: ChangesFault, at: number): void {
    this.#trust.doubt(at);
    this.#report(fault);
  }

  #fail(error: unknown): void {
    if (!this.database.isOutage(error)) {
      this.#pausedUntil = performance.now() + REFUSED_PAUSE_MS;
      this.#trust.refused();
    }
    // One that failed among others means nothing.
    if (!this.#trust.isHeard) this.#report({ reason: 'heartbeat_failed', seen: seenOf(error) });
  }

  #report(fault: ChangesFault): void {
    if (!this.#isStopped) this.#faults.report(fault);
  }
}

interface Unheard {
  /** Who listened when it was sent. */
  readonly listener: ChangeListener | null;
  readonly heard: (by: ChangeListener | null) => void;
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
