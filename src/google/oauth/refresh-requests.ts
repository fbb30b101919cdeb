import { Injectable, Logger } from '@nestjs/common';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import { Clock } from '../../domain/ports/clock.js';
import { CircuitBreaker, OPEN_MS, type Verdict } from './circuit-breaker.js';

/** About what the one request needs that tries. */
const TRIAL_SECONDS = 1;

/**
 * Refreshes that are on their way to Google. Each client has a circuit breaker: while Google answers it with nothing
 * but outages, nobody asks. Codes are none of its business: each is exchanged once, whatever comes.
 */
@Injectable()
export class RefreshRequests {
  readonly #log = new Logger(RefreshRequests.name);
  readonly #circuits = new Map<string, CircuitBreaker>();

  constructor(private readonly clock: Clock) {}

  /** @throws {GoogleFailure} `withheld` while the circuit is open, and what `ask` throws */
  async send<T>(client: string, ask: () => Promise<T>): Promise<T> {
    const circuit = this.#circuitOf(client);
    const entered = circuit.enter();
    if (entered === 'open') throw withheld(OPEN_MS / 1000);
    // One request tries; the others would wait for it, and hold their leases and places in the queue.
    if (entered === 'trying') throw withheld(TRIAL_SECONDS);
    try {
      const answer = await ask();
      this.#note(client, circuit.judge(entered, 'answers'));
      return answer;
    } catch (error) {
      this.#note(client, circuit.judge(entered, verdictOf(error)));
      throw error;
    }
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

/** A refusal is an answer, too. */
function verdictOf(error: unknown): Verdict {
  if (!(error instanceof GoogleFailure) || error.kind === 'withheld') return 'nothing';
  return error.kind === 'unavailable' ? 'outage' : 'answers';
}

function withheld(retryAfterSeconds: number): GoogleFailure {
  return new GoogleFailure('withheld', 'circuit_open', '', null, retryAfterSeconds);
}
