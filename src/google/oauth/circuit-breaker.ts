import type { CIRCUIT_STATES } from '../../domain/metrics/google-metrics.js';

/** The circuit opens when of at least MIN_RESPONSES responses within SAMPLE_SECONDS this share are outages. */
const SAMPLE_SECONDS = 10;
const MIN_RESPONSES = 20;
const FAILING_SHARE = 0.6;
/** How long the circuit stays open; then one probe is sent. */
export const OPEN_MS = 5_000;

/** What a response says of the other side. `nothing`: no request was sent, or it was cancelled. */
export type Verdict = 'answers' | 'outage' | 'nothing';

interface Second {
  readonly second: number;
  answers: number;
  outages: number;
}

/**
 * A circuit breaker that counts outages by the monotonic clock: a system clock that was set back must not keep it open.
 */
export class CircuitBreaker {
  #seconds: Second[] = [];
  #openedAt: number | null = null;
  #isHalfOpen = false;

  /** @param monotonicMs milliseconds that only grow */
  constructor(private readonly monotonicMs: () => number) {}

  get state(): (typeof CIRCUIT_STATES)[number] {
    if (this.#openedAt === null) return 'closed';
    return this.#isHalfOpen ? 'half_open' : 'open';
  }

  /** @returns `pass`, or `probe` for one probe while open; each is followed by `judge` */
  enter(): 'pass' | 'probe' | 'open' | 'half_open' {
    if (this.#openedAt === null) return 'pass';
    if (this.#isHalfOpen) return 'half_open';
    if (this.monotonicMs() - this.#openedAt < OPEN_MS) return 'open';
    this.#isHalfOpen = true;
    return 'probe';
  }

  /** @returns whether the circuit opened or closed by this */
  judge(entered: 'pass' | 'probe', verdict: Verdict): 'opened' | 'closed' | null {
    if (entered === 'probe') return this.#judgeProbe(verdict);
    if (verdict === 'nothing' || this.#openedAt !== null) return null;
    const { answers, outages } = this.#count(verdict);
    if (verdict !== 'outage' || answers < MIN_RESPONSES || outages <= FAILING_SHARE * answers) return null;
    this.#openedAt = this.monotonicMs();
    return 'opened';
  }

  #judgeProbe(verdict: Verdict): 'closed' | null {
    this.#isHalfOpen = false;
    if (verdict === 'answers') {
      this.#openedAt = null;
      this.#seconds = [];
      return 'closed';
    }
    if (verdict === 'outage') this.#openedAt = this.monotonicMs();
    return null;
  }

  #count(verdict: Verdict): { answers: number; outages: number } {
    const second = Math.floor(this.monotonicMs() / 1000);
    this.#seconds = this.#seconds.filter((each) => each.second > second - SAMPLE_SECONDS);
    let current = this.#seconds.at(-1);
    if (current?.second !== second) {
      current = { second, answers: 0, outages: 0 };
      this.#seconds.push(current);
    }
    current.answers++;
    if (verdict === 'outage') current.outages++;
    return {
      answers: this.#seconds.reduce((sum, each) => sum + each.answers, 0),
      outages: this.#seconds.reduce((sum, each) => sum + each.outages, 0),
    };
  }
}
