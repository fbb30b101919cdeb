import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { type ActivityKind, ActivityCounts, latencyKind } from '../../domain/activity.js';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import { Clock } from '../../domain/ports/clock.js';
import { FairQueue } from '../../outbound/fair-queue.js';
import { CircuitBreaker, OPEN_MS, type Verdict } from './circuit-breaker.js';

/** About what the trial request needs. */
const TRIAL_SECONDS = 1;

/** The turns at Google's token endpoint of one process (GOOGLE_CONCURRENCY), for refreshes and imports alike. */
@Injectable()
export class GoogleTurns extends FairQueue {
  constructor({ googleConcurrency }: Settings) {
    super(googleConcurrency);
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

  constructor(private readonly clock: Clock) {}

  /** @throws {GoogleFailure} `withheld` while the circuit is open, and what `ask` throws */
  async send<T>(client: string, ask: () => Promise<T>): Promise<T> {
    const circuit = this.#circuitOf(client);
    const entered = circuit.enter();
    if (entered === 'open') throw withheld(OPEN_MS / 1000);
    // One trial request is under way; others would wait for it, and hold their leases and turns.
    if (entered === 'trying') throw withheld(TRIAL_SECONDS);
    const startedAt = performance.now();
    try {
      const response = await ask();
      this.#count('google.token', startedAt);
      this.#note(client, circuit.judge(entered, 'answers'));
      return response;
    } catch (error) {
      if (error instanceof GoogleFailure && error.kind !== 'withheld')
        this.#count(KINDS[error.kind], startedAt);
      this.#note(client, circuit.judge(entered, verdictOf(error)));
      throw error;
    }
  }

  #count(kind: ActivityKind, startedAt: number): void {
    this.activity.add(kind);
    this.activity.add(latencyKind(performance.now() - startedAt));
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

const KINDS: Readonly<Record<Exclude<GoogleFailure['kind'], 'withheld'>, ActivityKind>> = {
  grant_dead: 'google.dead',
  policy_rejected: 'google.dead',
  code_rejected: 'google.rejected',
  scope_rejected: 'google.rejected',
  client_rejected: 'google.rejected',
  service_account_rejected: 'google.rejected',
  unavailable: 'google.unavailable',
};

/** A refusal is a response, too. */
function verdictOf(error: unknown): Verdict {
  if (!(error instanceof GoogleFailure) || error.kind === 'withheld') return 'nothing';
  return error.kind === 'unavailable' ? 'outage' : 'answers';
}

function withheld(retryAfterSeconds: number): GoogleFailure {
  return new GoogleFailure('withheld', 'circuit_open', '', null, retryAfterSeconds);
}
