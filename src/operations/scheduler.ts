import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Clock } from '../domain/ports/clock.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';

/** How often we look what is due. Short, so that a clock that was moved is noticed. */
const TICK_MS = 100;

interface Job {
  readonly name: string;
  readonly seconds: number;
  readonly task: (shutdown: AbortSignal) => Promise<void>;
  /** By Clock.monotonicMs(). */
  due: number;
  underWay: Promise<void> | null;
}

/** Work that no request asks for. It stops with the broker, after what it has in hand. */
@Injectable()
export class Scheduler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #jobs: Job[] = [];
  readonly #stopping = new AbortController();
  readonly #log = new Logger(Scheduler.name);
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly database: DatabaseHealth,
  ) {}

  /**
   * Runs a task at the start and then every so many seconds by the Clock, never two runs of it at a time. A run that
   * fails is logged, and the next one comes in its turn.
   * @param task gets a signal that the broker is about to stop
   */
  every(seconds: number, name: string, task: Job['task']): void {
    this.#jobs.push({ name, seconds, task, due: 0, underWay: null });
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#startWhatIsDue();
    }, TICK_MS).unref();
  }

  /** Before the database goes; requests that are under way are not our concern. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#stopping.abort();
    await Promise.all(this.#jobs.flatMap(({ underWay }) => underWay ?? []));
  }

  #startWhatIsDue(): void {
    const now = this.clock.monotonicMs();
    for (const job of this.#jobs) {
      if (job.underWay || job.due > now) continue;
      job.due = now + job.seconds * 1000;
      job.underWay = this.#run(job).finally(() => (job.underWay = null));
    }
  }

  async #run({ name, task }: Job): Promise<void> {
    try {
      await task(this.#stopping.signal);
    } catch (error) {
      // Which is logged once, not for each work that waits for it.
      if (this.database.isOutage(error)) return;
      this.#log.error({ err: error, task: name }, 'background work failed; it is tried again in its turn');
    }
  }
}
