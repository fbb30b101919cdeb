import type { QueueWaits } from '../domain/metrics/google-metrics.js';
import type { Histogram } from '../domain/metrics/instruments.js';

/** Callers of one service and Google client wait in one lane. */
export interface Lane {
  readonly service: string;
  readonly client: string;
  /** No caller waits for it: it is served when no caller waits at all. */
  readonly isBackground: boolean;
}

/** Releases a turn; a second call does nothing. */
export type Release = () => void;

/**
 * A service (with one client) gets a turn only while it holds fewer than so many times the free turns: 15 with 16 turns or more, else 7.
 * So it holds at most 15/16 or 7/8 of all. A client with all its services may hold more.
 */
const SERVICE_FACTOR = { minTurns: 16, factor: 15, otherwise: 7 };
const CLIENT_FACTOR = { minTurns: 32, factor: 31, otherwise: 15 };

/**
 * A number of turns at something slow, shared fairly: round robin between lanes, first come first served within one. Of
 * eight turns or more no service takes the last ones, and of sixteen or more no client: a new service finds a turn even while every
 * request of another hangs.
 */
export class FairQueue {
  /** Lanes with waiting work, in the order of their turns. */
  readonly #lanes = new Map<string, Set<QueuePlace>>();
  readonly #held = new Map<string, number>();
  readonly #serviceFactor: number;
  readonly #clientFactor: number;
  #free: number;
  #inBackground = 0;

  /** @param waits how long each waits, where that is measured */
  constructor(
    private readonly turns: number,
    readonly waits: Histogram<QueueWaits> | null = null,
  ) {
    this.#free = turns;
    this.#serviceFactor = factorOf(SERVICE_FACTOR, turns);
    this.#clientFactor = factorOf(CLIENT_FACTOR, turns);
  }

  /** Work that waits for several services counts in each of their lanes. */
  waitingByClient(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [key, { size }] of this.#lanes) {
      const client = clientOf(key);
      counts.set(client, (counts.get(client) ?? 0) + size);
    }
    return counts;
  }

  heldByClient(): ReadonlyMap<string, number> {
    const clients = [...this.#held].filter(([holder]) => holder.startsWith('client '));
    return new Map(clients.map(([holder, held]) => [clientOf(holder), held]));
  }

  add(place: QueuePlace, lane: Lane): void {
    const key = keyOf(lane);
    const waiting = this.#lanes.get(key);
    if (waiting) waiting.add(place);
    else this.#lanes.set(key, new Set([place]));
    this.#serve();
  }

  remove(place: QueuePlace, key: string): void {
    const waiting = this.#lanes.get(key);
    waiting?.delete(place);
    if (waiting?.size === 0) this.#lanes.delete(key);
  }

  #serve(): void {
    for (;;) {
      if (this.#free <= 0) return;
      const next = this.#next(false) ?? this.#next(true);
      if (!next) return;
      const { key, waiting, place, lane } = next;
      // To the end of the round robin.
      this.#lanes.delete(key);
      this.#lanes.set(key, waiting);
      place.serve(this.#give(lane), lane);
    }
  }

  #next(isBackground: boolean) {
    // Half at most: a caller must not wait for many background refreshes.
    if (isBackground && this.#inBackground >= Math.ceil(this.turns / 2)) return null;
    for (const [key, waiting] of this.#lanes) {
      const [place] = waiting;
      const lane = place?.laneOf(key);
      if (!place || lane?.isBackground !== isBackground || !this.#mayHoldMore(lane)) continue;
      return { key, waiting, place, lane };
    }
    return null;
  }

  #mayHoldMore(lane: Lane): boolean {
    const [service, client] = holdersOf(lane).map((holder) => this.#held.get(holder) ?? 0) as [
      number,
      number,
    ];
    return service < this.#serviceFactor * this.#free && client < this.#clientFactor * this.#free;
  }

  #give(lane: Lane): Release {
    this.#count(lane, 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#count(lane, -1);
      this.#serve();
    };
  }

  #count(lane: Lane, by: 1 | -1): void {
    this.#free -= by;
    if (lane.isBackground) this.#inBackground += by;
    for (const holder of holdersOf(lane)) {
      const held = (this.#held.get(holder) ?? 0) + by;
      if (held === 0) this.#held.delete(holder);
      else this.#held.set(holder, held);
    }
  }
}

/** Waits in one lane or several, and is served in the first that has a turn. */
export class QueuePlace {
  readonly turn: Promise<Release>;
  readonly #lanes = new Map<string, Lane>();
  readonly #since = performance.now();
  #resolve!: (release: Release) => void;
  #isServed = false;

  constructor(private readonly queue: FairQueue) {
    this.turn = new Promise((resolve) => (this.#resolve = resolve));
  }

  get isServed(): boolean {
    return this.#isServed;
  }

  standIn(lane: Lane): void {
    const key = keyOf(lane);
    if (this.#isServed || this.#lanes.has(key)) return;
    this.#lanes.set(key, lane);
    this.queue.add(this, lane);
  }

  leave(lane: Lane): void {
    const key = keyOf(lane);
    if (this.#lanes.delete(key)) this.queue.remove(this, key);
  }

  laneOf(key: string): Lane | undefined {
    return this.#lanes.get(key);
  }

  serve(release: Release, { client }: Lane): void {
    this.#isServed = true;
    this.measure(client, 'served');
    for (const key of this.#lanes.keys()) this.queue.remove(this, key);
    this.#lanes.clear();
    this.#resolve(release);
  }

  /** @param client in whose lane it was served, or of the last caller that left */
  measure(client: string, outcome: QueueWaits['outcome'][number]): void {
    this.queue.waits?.observe({ client, outcome }, (performance.now() - this.#since) / 1000);
  }
}

function factorOf({ minTurns, factor, otherwise }: typeof SERVICE_FACTOR, turns: number): number {
  return turns >= minTurns ? factor : otherwise;
}

/** Aliases and ids contain no space. */
export function keyOf({ service, client, isBackground }: Lane): string {
  return `${isBackground ? 'background' : 'caller'} ${service} ${client}`;
}

/** It is the last word of a lane's key and of a holder. */
function clientOf(key: string): string {
  return key.slice(key.lastIndexOf(' ') + 1);
}

function holdersOf({ service, client }: Lane): readonly [string, string] {
  return [`service ${service} ${client}`, `client ${client}`];
}
