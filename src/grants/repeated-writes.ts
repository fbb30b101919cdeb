import { exponentialBackoff } from '../domain/grant/lease-and-backoff.js';
import type { Clock } from '../domain/ports/clock.js';

/** Repeated at the same time: one server that is silent must not have all connections of a replica. */
const TOGETHER = 3;
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 15_000;

interface Kept<About, Result> {
  readonly key: string;
  readonly about: About;
  failures: number;
  /** By Clock.monotonicMs(). */
  nextAt: number;
  writing: Promise<Result> | null;
}

/**
 * Writes to the database that are kept until it takes them, and repeated: each with a backoff of its own, a few at a time, none twice at
 * once. Does not own what is written.
 */
export class RepeatedWrites<About, Result, By = null> {
  readonly #kept = new Map<string, Kept<About, Result>>();
  #repeating = 0;
  #isStopping = false;

  /** @param write gets who waits for it; null: it is repeated */
  constructor(
    private readonly clock: Clock,
    private readonly write: (about: About, by: By | null) => Promise<Result>,
  ) {}

  /** In place of one with the same key. It is not begun by this. */
  keep(key: string, about: About): void {
    this.#kept.set(key, { key, about, failures: 0, nextAt: this.clock.monotonicMs(), writing: null });
  }

  /** The keys of those that are about something. */
  keysOf(isAbout: (about: About) => boolean): string[] {
    return [...this.#kept.values()].filter(({ about }) => isAbout(about)).map(({ key }) => key);
  }

  /** Writes one that is kept, or waits for the write that is under way. @throws what the database does; then it is repeated */
  now(key: string, by: By | null = null): Promise<Result> {
    const kept = this.#kept.get(key);
    if (!kept) throw new Error('There is no such write.');
    kept.writing ??= this.#write(kept, by).finally(() => (kept.writing = null));
    return kept.writing;
  }

  /** Begins those that are due. */
  startDue(): void {
    if (this.#isStopping) return;
    const now = this.clock.monotonicMs();
    const due = [...this.#kept.values()].filter(({ writing, nextAt }) => writing === null && nextAt <= now);
    // Those of a server that is away fail most often, and keep no others waiting.
    due.sort((a, b) => a.failures - b.failures);
    for (const { key } of due.slice(0, TOGETHER - this.#repeating)) void this.#repeat(key);
  }

  /** Begins no more by itself. @returns once those under way have ended */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled([...this.#kept.values()].flatMap(({ writing }) => writing ?? []));
  }

  /** A last attempt for each. */
  async finishAll(): Promise<void> {
    const keys = [...this.#kept.keys()].values();
    const work = async () => {
      for (const key of keys) if (this.#kept.has(key)) await this.now(key).catch(() => undefined);
    };
    await Promise.all(Array.from({ length: TOGETHER }, work));
  }

  async #repeat(key: string): Promise<void> {
    this.#repeating++;
    await this.now(key).catch(() => undefined);
    this.#repeating--;
    this.startDue();
  }

  async #write(kept: Kept<About, Result>, by: By | null): Promise<Result> {
    try {
      const result = await this.write(kept.about, by);
      if (this.#kept.get(kept.key) === kept) this.#kept.delete(kept.key);
      return result;
    } catch (error) {
      kept.failures++;
      const backoffMs = exponentialBackoff(kept.failures, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
      kept.nextAt = this.clock.monotonicMs() + backoffMs;
      throw error;
    }
  }
}
