import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Clock } from '../domain/ports/clock.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';

/** How often due jobs are looked for. Short, so that a change of the clock takes effect soon. */
const TICK_MS = 100;

interface Job {
  readonly name: string;
  readonly seconds: number;
  readonly task: (shutdown: AbortSignal) => Promise<void>;
  /** By Clock.monotonicMs(). */
  due: number;
  running: Promise<void> | null;
}

/** Runs background jobs. On graceful shutdown it starts no more, and waits for those that run. */
@Injectable()
export class Scheduler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #jobs: Job[] = [];
  readonly #shutdown = new AbortController();
  readonly #log = new Logger(Scheduler.name);
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly database: DatabaseHealth,
  ) {}

  /**
   * Runs a task at startup and then at an interval, by the Clock; runs of one task never overlap. A failure is logged,
   * and the task runs again at the next interval.
   * @param task gets the signal of a graceful shutdown
   */
  every(seconds: number, name: string, task: Job['task']): void {
    this.#jobs.push({ name, seconds, task, due: 0, running: null });
  }

  /** Runs a task before its time; after the current run, if there is one. @returns when it ended, however it did */
  async runNow(name: string): Promise<void> {
    const job = this.#jobs.find((each) => each.name === name);
    while (job?.running) await job.running;
    if (!job || this.#shutdown.signal.aborted) return;
    this.#start(job);
    await job.running;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#startDue();
    }, TICK_MS).unref();
  }

  /** Runs before the database is closed. Requests in progress are handled elsewhere (http/). */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#shutdown.abort();
    await Promise.all(this.#jobs.flatMap(({ running }) => running ?? []));
  }

  #startDue(): void {
    const now = this.clock.monotonicMs();
    for (const job of this.#jobs) if (!job.running && job.due <= now) this.#start(job);
  }

  #start(job: Job): void {
    job.due = this.clock.monotonicMs() + job.seconds * 1000;
    job.running = this.#run(job).finally(() => (job.running = null));
  }

  async #run({ name, task }: Job): Promise<void> {
    try {
      await task(this.#shutdown.signal);
    } catch (error) {
      // The outage itself is logged once, by the database client.
      if (this.database.isOutage(error)) return;
      this.#log.error(
        { err: error, task: name },
        'a background job failed; it runs again at the next interval',
      );
    }
  }
}
