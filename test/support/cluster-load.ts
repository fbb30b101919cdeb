/**
 * Calls of a fleet on a cluster, from callers for each worker apart, so that one that is away keeps no caller of others: tokens are
 * read, and users disconnected. Owns no fault: tests move, cut and kill meanwhile, and compare what was answered.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type ClusterFleet, LEASE_MS } from './cluster-fleet.js';
import { until } from './until.js';

/** A disconnect reaches other replicas within a heartbeat or two; then no replica trusts what it remembers. */
const HEARD_MS = 3000;
/** Until the coordinator and the replicas have noticed that a worker is away, and have asked those that are there again. */
export const NOTICED_MS = 1000;
const DISCONNECT_MS = 100;
/** Of each worker, before the load: so that users who are gone are asked for all the time. */
const GONE_BEFORE = 5;
/** Of each worker, for `disconnectOthers`. */
const KEPT = 20;

export interface RecordedCall {
  readonly user: string;
  readonly call: 'token' | 'disconnect';
  readonly status: number;
  readonly askedAt: number;
  readonly at: number;
}

type Span = readonly [from: number, to: number];
type Counts = Record<number, number>;

export const NOTHING_LOST = { stale: [], undone: [], lost: [], disconnects: true };

export class ClusterLoad {
  readonly calls: RecordedCall[] = [];
  readonly #leaving: ReadonlySet<string>;
  /** When each was. */
  readonly #disconnected = new Map<string, number>();
  readonly #kept = new Map<number, string[]>();
  #callers: readonly Promise<void>[] = [];
  #isOver = false;

  private constructor(
    private readonly cluster: ClusterFleet,
    private readonly ids: ReadonlyMap<string, string>,
    private readonly workerOf: ReadonlyMap<string, number>,
  ) {
    this.#leaving = new Set([...ids.keys()].filter((_, index) => index % 2 === 0));
  }

  /** @param ids the users, and the id of the grant of each. Half of them are disconnected, one after the other */
  static async start(cluster: ClusterFleet, ids: ReadonlyMap<string, string>): Promise<ClusterLoad> {
    const load = new ClusterLoad(cluster, ids, await cluster.workersOf([...ids.keys()]));
    await load.#start();
    return load;
  }

  async #start(): Promise<void> {
    const callers: (() => Promise<void>)[] = [];
    for (const worker of new Set(this.workerOf.values())) {
      const users = [...this.ids.keys()].filter((user) => this.workerOf.get(user) === worker);
      const leaving = users.filter((user) => this.#leaving.has(user));
      const gone = leaving.splice(0, GONE_BEFORE);
      for (const user of gone) await this.#disconnect(user);
      if (!gone.every((user) => this.#disconnected.has(user)))
        throw new Error(`Users of the worker ${worker} could not be disconnected before the load.`);
      this.#kept.set(worker, leaving.splice(0, KEPT));
      const read = () => this.#readSome(users);
      callers.push(
        read,
        read,
        read,
        () => this.#readSome(gone),
        () => this.#disconnectEach(leaving),
      );
    }
    this.#callers = callers.map((call) => call());
  }

  #api() {
    return this.cluster.api(Math.random() < 0.5 ? 0 : -1);
  }

  async #readSome(users: readonly string[]): Promise<void> {
    while (!this.#isOver) {
      const user = users[Math.floor(Math.random() * users.length)] ?? '';
      const status = await this.#record(user, 'token', () => this.#api().token(user));
      if (status !== 200) await pause(status === 404 ? 50 : 5);
    }
  }

  async #disconnectEach(users: readonly string[]): Promise<void> {
    for (const user of users) {
      if (this.#isOver) return;
      await this.#disconnect(user);
      await pause(DISCONNECT_MS);
    }
  }

  async #disconnect(user: string): Promise<number> {
    const path = `/grants/${this.ids.get(user) ?? ''}`;
    const status = await this.#record(user, 'disconnect', () =>
      this.cluster.api(0).delete(path, { mode: 'local' }),
    );
    if (status === 200) this.#disconnected.set(user, performance.now());
    return status;
  }

  async #record(user: string, call: RecordedCall['call'], ask: () => Promise<{ status: number }>) {
    const askedAt = performance.now();
    const { status } = await ask().catch(() => ({ status: 0 }));
    this.calls.push({ user, call, status, askedAt, at: performance.now() });
    return status;
  }

  /** Disconnects some users of the other workers now. @returns what was answered for each */
  async disconnectOthers(worker: number, count: number): Promise<ReadonlyMap<string, number>> {
    const statuses = new Map<string, number>();
    for (const [other, users] of this.#kept) {
      if (other === worker) continue;
      for (const user of users.splice(0, count)) statuses.set(user, await this.#disconnect(user));
    }
    return statuses;
  }

  /**
   * What was answered while a worker was away: how many of each status, for tokens of users of it who stay, of others, and of
   * others who are gone.
   */
  statusesWithout(worker: number, spans: readonly Span[]) {
    const counts = { own: {} as Counts, others: {} as Counts, gone: {} as Counts };
    for (const { user, call, status, askedAt, at } of this.calls) {
      if (!spans.some(([from, to]) => askedAt > from + NOTICED_MS && at < to)) continue;
      const isOwn = this.workerOf.get(user) === worker;
      const isGone = askedAt > (this.#disconnected.get(user) ?? Infinity);
      if (call === 'disconnect' || (this.#leaving.has(user) && (isOwn || !isGone))) continue;
      const of = counts[isOwn ? 'own' : isGone ? 'gone' : 'others'];
      of[status] = (of[status] ?? 0) + 1;
    }
    return counts;
  }

  /** Ends the calls. @returns what is not as it was answered, asked of a replica that has just started: nothing is in its caches */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#callers);
    await this.cluster.fleet.add();
    const newest = this.cluster.api(-1);
    const undone = [];
    for (const user of this.#disconnected.keys())
      if ((await newest.token(user)).status !== 404) undone.push(user);
    const lost = [];
    for (const user of this.ids.keys()) {
      if (this.#leaving.has(user)) continue;
      let status = 0;
      // A server that has come back refuses once more, and a replica that was killed may have had the lease.
      await until(async () => {
        ({ status } = await newest.token(user));
        return status === 200;
      }, LEASE_MS + 8000).catch(() => undefined);
      if (status !== 200) lost.push(`${user}: ${status}`);
    }
    const heardAt = (user: string) => (this.#disconnected.get(user) ?? Infinity) + HEARD_MS;
    const stale = this.calls
      .filter(
        ({ user, status, call, askedAt }) => call === 'token' && status === 200 && askedAt > heardAt(user),
      )
      .map(({ user }) => user);
    return { stale, undone, lost, disconnects: this.#disconnected.size > 0 };
  }
}
