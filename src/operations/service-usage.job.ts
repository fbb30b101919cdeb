import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../domain/ports/clock.js';
import { ServiceUsageRepository } from '../token-store/services/service-usage.repository.js';
import { Scheduler } from './scheduler.js';

const MINUTE_SECONDS = 60;
const DAY_SECONDS = 24 * 3600;
/** How long the calls of an hour are kept. */
const KEEP_MS = 31 * DAY_SECONDS * 1000;

/** @returns calls by service since it was asked last */
type CallCounter = () => ReadonlyMap<string, number>;

/**
 * Stores how often each service called, once a minute. What counts calls is the rate limiter, which sees all of them.
 * Calls that could not be stored are added to those of the next minute.
 */
@Injectable()
export class ServiceUsageJob implements OnModuleInit, OnApplicationShutdown {
  #takeCalls: CallCounter = () => new Map();
  readonly #unstored = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly usage: ServiceUsageRepository,
  ) {}

  /** The server is made before the modules. */
  countWith(takeCalls: CallCounter): void {
    this.#takeCalls = takeCalls;
  }

  onModuleInit(): void {
    this.scheduler.every(MINUTE_SECONDS, 'store calls of services', () => this.store());
    this.scheduler.every(DAY_SECONDS, 'prune calls of services', (shutdown) =>
      this.usage.prune(new Date(this.clock.now().getTime() - KEEP_MS), shutdown),
    );
  }

  async store(): Promise<void> {
    for (const [id, calls] of this.#takeCalls()) {
      this.#unstored.set(id, (this.#unstored.get(id) ?? 0) + calls);
    }
    const stored = new Map(this.#unstored);
    await this.usage.add(stored, this.clock.now());
    this.#unstored.clear();
  }

  /** Nest shuts down what depends on the database before the database. An outage loses a minute of counts at most. */
  async onApplicationShutdown(): Promise<void> {
    await this.store().catch(() => undefined);
  }
}
