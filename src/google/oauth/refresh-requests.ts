import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { ActivityCounts, latencyKind } from '../../domain/activity.js';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import {
  CIRCUIT_STATES,
  GOOGLE_CIRCUIT_STATE,
  GOOGLE_QUEUE_DEPTH,
  GOOGLE_QUEUE_IN_USE,
  GOOGLE_QUEUE_TURNS,
  GOOGLE_QUEUE_WAIT,
  GOOGLE_REFRESH_DURATION,
  GOOGLE_REFRESHES,
  refreshCauseOf,
} from '../../domain/metrics/google-metrics.js';
import type { Counter, Histogram } from '../../domain/metrics/instruments.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { FairQueue } from '../../outbound/fair-queue.js';
import { CircuitBreaker, OPEN_MS, type Verdict } from './circuit-breaker.js';

/** About what the probe needs. */
const PROBE_SECONDS = 1;

/** The turns at Google's token endpoint of one process (GOOGLE_CONCURRENCY), for refreshes and imports alike. */
@Injectable()
export class GoogleTurns extends FairQueue {
  constructor({ googleConcurrency, clients }: Settings, meter: Meter) {
    super(googleConcurrency, meter.histogram(GOOGLE_QUEUE_WAIT));
    const zeros = clients.all().map(({ alias }) => [alias, 0] as const);
    const byClient = (counts: ReadonlyMap<string, number>) =>
      [...new Map([...zeros, ...counts])].map(([client, count]) => [{ client }, count] as const);
    meter.gauge(GOOGLE_QUEUE_DEPTH).observeAll(() => byClient(this.waitingByClient()));
    meter.gauge(GOOGLE_QUEUE_IN_USE).observeAll(() => byClient(this.heldByClient()));
    meter.gauge(GOOGLE_QUEUE_TURNS).observe({}, () => googleConcurrency);
  }
}

/**
 * Sends refreshes through a circuit breaker for each client: while Google answers a client with nothing but outages, no request
 * is sent. Code exchanges do not pass through it: each code is sent once.
 */
@Injectable()
export class RefreshRequests {
  readonly #log = new Logger(RefreshRequests.name);
  readonly #circuits = new Map<string, CircuitBreaker>();
  /** How Google answered, and how long it took. */
  readonly activity = new ActivityCounts();
  readonly #refreshes: Counter<typeof GOOGLE_REFRESHES.labels>;
  readonly #durations: Histogram<typeof GOOGLE_REFRESH_DURATION.labels>;

  constructor(
    private readonly clock: Clock,
    meter: Meter,
  ) {
    this.#refreshes = meter.counter(GOOGLE_REFRESHES);
    this.#durations = meter.histogram(GOOGLE_REFRESH_DURATION);
    meter.gauge(GOOGLE_CIRCUIT_STATE).observeAll(() => this.#circuitStates());
  }

  /** @throws {GoogleFailure} `withheld` while the circuit is open, and what `ask` throws */
  async send<T>(client: string, ask: () => Promise<T>): Promise<T> {
    const circuit = this.#circuitOf(client);
    const entered = circuit.enter();
    if (entered === 'open') throw this.#withhold(client, OPEN_MS / 1000);
    // One probe is under way; others would wait for it, and hold their leases and turns.
    if (entered === 'half_open') throw this.#withhold(client, PROBE_SECONDS);
    const startedAt = performance.now();
    try {
      const response = await ask();
      this.#count(client, null, startedAt);
      this.#note(client, circuit.judge(entered, 'answers'));
      return response;
    } catch (error) {
      if (error instanceof GoogleFailure) this.#count(client, error, startedAt);
      this.#note(client, circuit.judge(entered, verdictOf(error)));
      throw error;
    }
  }

  #count(client: string, failure: GoogleFailure | null, startedAt: number): void {
    const outcome = failure ? OUTCOMES[failure.kind] : 'token';
    this.#refreshes.add({ client, outcome, cause: failure ? refreshCauseOf(failure) : 'none' });
    // It was cancelled.
    if (outcome === 'withheld') return;
    const ms = performance.now() - startedAt;
    this.#durations.observe({ client, outcome }, ms / 1000);
    this.activity.add(`google.${outcome}`);
    this.activity.add(latencyKind(ms));
  }

  #withhold(client: string, retryAfterSeconds: number): GoogleFailure {
    this.#refreshes.add({ client, outcome: 'withheld', cause: 'circuit_open' });
    return new GoogleFailure('withheld', 'circuit_open', '', null, retryAfterSeconds);
  }

  #circuitStates() {
    return [...this.#circuits].flatMap(([client, circuit]) =>
      CIRCUIT_STATES.map((state) => [{ client, state }, circuit.state === state ? 1 : 0] as const),
    );
  }

  #circuitOf(client: string): CircuitBreaker {
    const known = this.#circuits.get(client);
    if (known) return known;
    const circuit = new CircuitBreaker(() => this.clock.monotonicMs());
    this.#circuits.set(client, circuit);
    return circuit;
  }

  #note(client: string, change: 'opened' | 'closed' | null): void {
    if (change === 'opened') {
      this.#log.warn({ client }, 'Google keeps failing: refreshes are withheld for a while');
    }
    if (change === 'closed') this.#log.log({ client }, 'Google answers again');
  }
}

const OUTCOMES: Readonly<Record<GoogleFailure['kind'], 'dead' | 'rejected' | 'unavailable' | 'withheld'>> = {
  grant_dead: 'dead',
  policy_rejected: 'dead',
  code_rejected: 'rejected',
  scope_rejected: 'rejected',
  client_rejected: 'rejected',
  service_account_rejected: 'rejected',
  unavailable: 'unavailable',
  withheld: 'withheld',
};

/** A refusal is a response, too. */
function verdictOf(error: unknown): Verdict {
  if (!(error instanceof GoogleFailure) || error.kind === 'withheld') return 'nothing';
  return error.kind === 'unavailable' ? 'outage' : 'answers';
}
