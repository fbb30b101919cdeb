import { Injectable, Logger } from '@nestjs/common';
import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  handleWhen,
  SamplingBreaker,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { GoogleFailure } from '../domain/google-failure.js';

/** Of at least two requests a second within so long, this share must fail to open the circuit. */
const SAMPLE_MS = 10_000;
const FAILING_SHARE = 0.6;
const FEWEST_PER_SECOND = 2;
/** So long nobody asks; then one request tries. */
const OPEN_MS = 5_000;
/** About what that one needs. */
const TRIAL_SECONDS = 1;

/**
 * Refreshes that are on their way to Google. Each client has a circuit breaker: while Google answers it with nothing
 * but outages, nobody asks. Codes are none of its business: each is exchanged once, whatever comes.
 */
@Injectable()
export class RefreshRequests {
  readonly #log = new Logger(RefreshRequests.name);
  readonly #circuits = new Map<string, CircuitBreakerPolicy>();

  /** @throws {GoogleFailure} `withheld` while the circuit is open, and what `ask` throws */
  async send<T>(client: string, ask: () => Promise<T>): Promise<T> {
    const circuit = this.#circuitOf(client);
    // One request tries; the others would wait for it, and hold their leases and places in the queue.
    if (circuit.state === CircuitState.HalfOpen) throw withheld(TRIAL_SECONDS);
    try {
      return await circuit.execute(ask);
    } catch (error) {
      throw error instanceof BrokenCircuitError ? withheld(OPEN_MS / 1000) : error;
    }
  }

  #circuitOf(client: string): CircuitBreakerPolicy {
    const known = this.#circuits.get(client);
    if (known) return known;
    const isOutage = (error: unknown) => error instanceof GoogleFailure && error.kind === 'unavailable';
    const circuit = circuitBreaker(handleWhen(isOutage), {
      halfOpenAfter: OPEN_MS,
      breaker: new SamplingBreaker({
        threshold: FAILING_SHARE,
        duration: SAMPLE_MS,
        minimumRps: FEWEST_PER_SECOND,
      }),
    });
    circuit.onBreak(() => {
      this.#log.warn({ client }, 'Google keeps failing: refreshes are withheld for a while');
    });
    circuit.onReset(() => {
      this.#log.log({ client }, 'Google answers again');
    });
    this.#circuits.set(client, circuit);
    return circuit;
  }
}

function withheld(retryAfterSeconds: number): GoogleFailure {
  return new GoogleFailure('withheld', 'circuit_open', '', null, retryAfterSeconds);
}
