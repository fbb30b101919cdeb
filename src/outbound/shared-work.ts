import { type FairQueue, keyOf, type Lane, QueuePlace, type Release } from './fair-queue.js';

export interface WaitingCaller<A> {
  readonly lane: Lane;
  /** Aborted when the caller disconnects. */
  readonly callerSignal?: AbortSignal | undefined;
  /** The requester that the work is done for, while this caller is the first in line. */
  readonly about: A;
}

/** No request was sent for this caller: it waited too long for a turn, or disconnected. */
export class TurnNotTaken extends Error {
  override readonly name = 'TurnNotTaken';

  constructor(readonly why: 'queue_timeout' | 'caller_left') {
    super(why);
  }
}

interface Waiter<T, A> extends WaitingCaller<A> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  readonly onAbort: () => void;
  timer: NodeJS.Timeout | null;
  queuedSince: number;
  leftMs: number;
}

/**
 * One piece of work shared by all callers who wait for its result (single flight). It takes its turns in the lane of the first of them. A
 * caller who waits too long for a turn, or disconnects, is rejected; work without callers takes no turn. Work under way is
 * finished: its result is cached for the next call.
 */
export class SharedWork<T, A> {
  readonly #waiters = new Set<Waiter<T, A>>();
  #place: QueuePlace | null = null;
  #abandoned: ((error: TurnNotTaken) => void) | null = null;
  #about: A | undefined;

  /**
   * @param maxWaitMs how long a caller waits for turns in total; background work waits without limit
   * @param onClosed called when no caller may join any more: before the result is handed out, and once the work takes no turn for lack of
   * callers. Also twice
   */
  constructor(
    private readonly queue: FairQueue,
    private readonly maxWaitMs: number,
    private readonly onClosed: () => void,
  ) {}

  /** That of the first waiting caller; when all have left, of the first that came. */
  get about(): A {
    const [first] = this.#waiters;
    return first?.about ?? (this.#about as A);
  }

  get isWanted(): boolean {
    return this.#waiters.size > 0;
  }

  /** @throws {TurnNotTaken} and what the work throws */
  join(caller: WaitingCaller<A>): Promise<T> {
    const { callerSignal, lane } = caller;
    if (callerSignal?.aborted) return Promise.reject(new TurnNotTaken('caller_left'));
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T, A> = {
        ...caller,
        resolve,
        reject,
        onAbort: () => {
          this.#leave(waiter, 'caller_left');
        },
        timer: null,
        queuedSince: 0,
        leftMs: lane.isBackground ? Infinity : this.maxWaitMs,
      };
      callerSignal?.addEventListener('abort', waiter.onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#about ??= caller.about;
      if (!this.#place) return;
      this.#place.standIn(lane);
      this.#startTimer(waiter);
    });
  }

  /** Does the work, and resolves all callers who wait by then. */
  async run(work: () => Promise<T>): Promise<void> {
    try {
      const value = await work();
      for (const waiter of this.#close()) waiter.resolve(value);
    } catch (error) {
      for (const waiter of this.#close()) waiter.reject(error);
    }
  }

  /**
   * A part of the work that needs a turn, until it releases it or ends.
   * @throws {TurnNotTaken} when no caller wants it any more, and what `part` throws
   */
  async turn<R>(part: (release: Release) => Promise<R>): Promise<R> {
    this.#assertWanted();
    const release = await this.#takeTurn();
    try {
      // The callers may have left just before the turn came.
      this.#assertWanted();
      return await part(release);
    } finally {
      release();
    }
  }

  /** Drops work that waits for a turn without a caller. */
  dropBackground(): void {
    for (const waiter of this.#waiters) if (waiter.lane.isBackground) this.#leave(waiter, 'caller_left');
  }

  /** One who joined before the work has ended with this error would get it, without having left. */
  #assertWanted(): void {
    if (this.isWanted) return;
    this.onClosed();
    throw new TurnNotTaken('caller_left');
  }

  async #takeTurn(): Promise<Release> {
    const place = new QueuePlace(this.queue);
    this.#place = place;
    const abandoned = new Promise<never>((_, reject) => (this.#abandoned = reject));
    for (const { lane } of this.#waiters) place.standIn(lane);
    if (!place.isServed) for (const waiter of this.#waiters) this.#startTimer(waiter);
    try {
      return await Promise.race([place.turn, abandoned]);
    } finally {
      this.#place = null;
      this.#abandoned = null;
      for (const waiter of this.#waiters) stopTimer(waiter);
    }
  }

  #startTimer(waiter: Waiter<T, A>): void {
    if (waiter.leftMs === Infinity || this.#place?.isServed !== false) return;
    waiter.queuedSince = performance.now();
    waiter.timer = setTimeout(() => {
      this.#leave(waiter, 'queue_timeout');
    }, waiter.leftMs);
  }

  #leave(waiter: Waiter<T, A>, why: TurnNotTaken['why']): void {
    // Between its turn and the work's start there is nothing to leave.
    if (why === 'queue_timeout' && this.#place?.isServed !== false) return;
    this.#dismiss(waiter);
    waiter.reject(new TurnNotTaken(why));
    const place = this.#place;
    if (!place || place.isServed) return;
    const key = keyOf(waiter.lane);
    if (![...this.#waiters].some(({ lane }) => keyOf(lane) === key)) place.leave(waiter.lane);
    if (this.isWanted) return;
    place.measure(waiter.lane.client, why === 'queue_timeout' ? 'timed_out' : 'left');
    this.#abandoned?.(new TurnNotTaken(why));
    this.onClosed();
  }

  #dismiss(waiter: Waiter<T, A>): void {
    this.#waiters.delete(waiter);
    stopTimer(waiter);
    waiter.callerSignal?.removeEventListener('abort', waiter.onAbort);
  }

  /** One who joined after that would wait for ever. @returns who waited */
  #close(): Waiter<T, A>[] {
    this.onClosed();
    const all = [...this.#waiters];
    for (const waiter of all) this.#dismiss(waiter);
    return all;
  }
}

/**
 * Shared work in flight, by what it is for: the first caller starts it, later ones join it. All takes its turns from one
 * queue.
 */
export class WorkInFlight<T, A> {
  readonly #works = new Map<string, SharedWork<T, A>>();
  readonly #runs = new Set<Promise<void>>();

  /** @param maxWaitMs as in SharedWork */
  constructor(
    private readonly queue: FairQueue,
    private readonly maxWaitMs: number,
  ) {}

  has(key: string): boolean {
    return this.#works.has(key);
  }

  /** @throws {TurnNotTaken} and what the work throws */
  share(key: string, caller: WaitingCaller<A>, start: (work: SharedWork<T, A>) => Promise<T>): Promise<T> {
    const inFlight = this.#works.get(key);
    if (inFlight) return inFlight.join(caller);
    const work: SharedWork<T, A> = new SharedWork(this.queue, this.maxWaitMs, () => {
      if (this.#works.get(key) === work) this.#works.delete(key);
    });
    const result = work.join(caller);
    this.#works.set(key, work);
    const run = work.run(() => start(work)).finally(() => this.#runs.delete(run));
    this.#runs.add(run);
    return result;
  }

  dropBackground(): void {
    for (const work of this.#works.values()) work.dropBackground();
  }

  /** Also of work whose callers have left. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#runs);
  }
}

function stopTimer(waiter: { timer: NodeJS.Timeout | null; queuedSince: number; leftMs: number }): void {
  if (!waiter.timer) return;
  clearTimeout(waiter.timer);
  waiter.timer = null;
  waiter.leftMs = Math.max(0, waiter.leftMs - (performance.now() - waiter.queuedSince));
}
