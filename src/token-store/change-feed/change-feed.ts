import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { CHANGE_FEED_LAG, CHANGE_FEED_UP, HEARTBEAT_AGE } from '../../domain/metrics/system-metrics.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { DatabaseHealth } from '../client/database-health.js';
import { Database } from '../client/database.js';
import { ChangeHeartbeats } from './change-heartbeats.js';
import type { Change, SharedKind } from './change-listener.js';
import { ClusterChanges } from './cluster-changes.js';
import { type ChangesFault, type FeedFreshness, FRESH_MS } from './feed-freshness.js';
import { ShardTriggers } from './required-triggers.js';
import { ServerChanges } from './server-changes.js';

const HEARTBEAT_MS = 500;

/**
 * What decides who a caller is: services, and issuers of their JWTs. The same for each cache that it concerns: nothing is cached that was
 * derived from services that were read before the last of these changes.
 */
export const OF_CALLERS: readonly SharedKind[] = ['services', 'settings'];

/**
 * Publishes changes (change-listener.ts) to the caches of this process, and says whether they may be used.
 *
 * Subscribes to PostgreSQL by LISTEN; triggers NOTIFY. Caches are valid only while heartbeats come back on the same path (server-changes.ts),
 * twice a second: at the server of DATABASE_URL, and where the tables are distributed over several, at each of them (cluster-changes.ts).
 */
@Injectable()
export class ChangeFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #subscribers = new Set<(change: Change) => void>();
  /** At the server of DATABASE_URL. */
  readonly #main: ServerChanges;
  /** At the others, where there are some. */
  readonly #cluster: ClusterChanges;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    settings: Settings,
    clock: Clock,
    database: Database,
    health: DatabaseHealth,
    heartbeats: ChangeHeartbeats,
    meter: Meter,
  ) {
    const log = new Logger(ChangeFeed.name);
    const publish = (change: Change) => {
      this.publish(change);
    };
    /** By the newest heartbeat. */
    let writtenTo = '';
    const triggers = new ShardTriggers();
    this.#main = new ServerChanges(settings, log, health, {
      publish,
      send: async (id, listener) => {
        const report = await heartbeats.send(id);
        clock.synchronise(report);
        writtenTo = report.server;
        // A coordinator can have rows of users as well.
        if (report.fault || !database.isDistributed()) return report;
        return { ...report, fault: await triggers.fault(listener) };
      },
      // A pooled connection reaches another server than the listening one: changes made there notify elsewhere.
      contradiction: ({ server }) =>
        writtenTo === server && database.reachesOnly(server) ? null : { reason: 'servers_differ', seen: {} },
      opened: () => heartbeats.prune(),
    });
    this.#cluster = new ClusterChanges(settings, log, database, health, heartbeats, publish);
    database.nameStatementsWhile(() => this.#main.freshness.isValid);
    const isUp = () => this.fault === null && this.isUpToDate;
    meter.gauge(CHANGE_FEED_UP).observe({}, () => (isUp() ? 1 : 0));
    const oldest = () => Math.min(...this.#servers().map(({ freshness }) => freshness.receivedAt));
    meter.gauge(HEARTBEAT_AGE).observe({}, () => (performance.now() - oldest()) / 1000);
    const slowest = () => Math.max(...this.#servers().map(({ freshness }) => freshness.lagMs));
    meter.gauge(CHANGE_FEED_LAG).observe({}, () => slowest() / 1000);
  }

  /** Whether caches may be used: notifications arrive within moments, or the settings allow a time without them. */
  get isUpToDate(): boolean {
    return this.#main.freshness.isValid && this.#cluster.isValid;
  }

  /** Why caches are stale, or soon will be; null while notifications are received. */
  get fault(): ChangesFault | null {
    return this.#main.freshness.fault ?? this.#cluster.fault;
  }

  /**
   * Whether data read at a moment may still be used: notifications are received, and it is not older than the settings
   * allow.
   * @param readAt when the query was sent, by performance.now()
   */
  isValidSince(readAt: number): boolean {
    return this.#main.freshness.isValidSince(readAt) && this.#cluster.isValidSince(readAt);
  }

  /**
   * The same of what is at the server of DATABASE_URL alone, also where grants are distributed: services, their credentials, webhooks and
   * settings.
   */
  get undistributed(): Pick<FeedFreshness, 'isValid' | 'isValidSince'> {
    return this.#main.freshness;
  }

  publish(change: Change): void {
    for (const subscriber of [...this.#subscribers]) subscriber(change);
  }

  /** @returns ends the subscription */
  subscribe(subscriber: (change: Change) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** The same for changes of these kinds, and for those of everything. */
  subscribeTo(kinds: readonly SharedKind[], subscriber: () => void): void {
    this.subscribe(({ kind }) => {
      if (kind === 'everything' || kinds.some((each) => each === kind)) subscriber();
    });
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
  async catchUp(): Promise<void> {
    await Promise.all(
      this.#servers().map((server) => (server.isListening ? server.heartbeat() : Promise.resolve())),
    );
  }

  /** Does not wait for a database that is away: the broker starts without it and says so at /health/ready. */
  async onApplicationBootstrap(): Promise<void> {
    this.#timer = setInterval(() => {
      this.#main.tick();
      this.#cluster.tick();
    }, HEARTBEAT_MS).unref();
    await Promise.race([
      this.#main.open().then(() => this.#cluster.follow()),
      new Promise((resolve) => setTimeout(resolve, FRESH_MS).unref()),
    ]);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await Promise.all([this.#main.close(), this.#cluster.close()]);
  }

  #servers(): readonly ServerChanges[] {
    return [this.#main, ...this.#cluster.servers];
  }
}
