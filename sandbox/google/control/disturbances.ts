/**
 * Faults that tests inject: queued or permanent ones per endpoint, latency, amended token responses.
 * Decides which fault applies; serve.ts executes it.
 */
import { endpoints } from '../endpoints.js';
import type { Endpoint } from '../endpoints.js';
import { refusalNamed } from '../refusals.js';
import type { RefusalName } from '../refusals.js';

export type Fault = (
  | { status: number; body: object | string; headers?: Record<string, string> }
  | { named: RefusalName }
  /** Hang up; afterProcessing: only once the request has had its effect, so that the answer is lost. */
  | { drop: true; afterProcessing?: boolean }
  | { delayMs: number }
  /** Answered as soon as the test says so; not from other processes. */
  | { until: Promise<unknown> }
) & {
  /** The probability of the fault, 0 to 1. A request without the fault also uses up one of its times. */
  chance?: number;
};

/** Fields to merge into a token response; null removes a field. */
export type TokenResponsePatch = Record<string, unknown>;

interface Due<T> {
  what: T;
  times: number;
}

export class Disturbances {
  readonly #queues = new Map<Endpoint, Due<Fault>[]>();
  readonly #standing = new Map<Endpoint, Fault>();
  readonly #latency = new Map<Endpoint, number>();
  #patch: Due<TokenResponsePatch> | undefined;

  failNext(endpoint: Endpoint, fault: Fault, times = 1): void {
    check(endpoint, fault);
    this.#queues.set(endpoint, [...(this.#queues.get(endpoint) ?? []), { what: fault, times }]);
  }

  failAlways(endpoint: Endpoint, fault: Fault): void {
    check(endpoint, fault);
    this.#standing.set(endpoint, fault);
  }

  clearFaults(): void {
    this.#queues.clear();
    this.#standing.clear();
  }

  setLatency(endpoint: Endpoint, ms: number): void {
    checkEndpoint(endpoint);
    this.#latency.set(endpoint, ms);
  }

  patchTokenResponses(patch: TokenResponsePatch | null, times = Infinity): void {
    this.#patch = patch ? { what: patch, times } : undefined;
  }

  clear(): void {
    this.clearFaults();
    this.#latency.clear();
    this.#patch = undefined;
  }

  latencyOf(endpoint: Endpoint): number {
    return this.#latency.get(endpoint) ?? 0;
  }

  /** The fault of this request, if any: queued ones first, in order, then the permanent one. */
  takeFault(endpoint: Endpoint): Fault | undefined {
    const queue = this.#queues.get(endpoint) ?? [];
    const next = queue[0];
    if (next && --next.times <= 0) queue.shift();
    const fault = next?.what ?? this.#standing.get(endpoint);
    return Math.random() < (fault?.chance ?? 1) ? fault : undefined;
  }

  amendTokenResponse(answer: object): object {
    if (!this.#patch) return answer;
    const { what } = this.#patch;
    if (--this.#patch.times <= 0) this.#patch = undefined;
    return Object.fromEntries(
      Object.entries({ ...answer, ...what }).filter(([, value]) => value !== null && value !== undefined),
    );
  }
}

function checkEndpoint(endpoint: Endpoint): void {
  if (!endpoints.includes(endpoint)) {
    throw new Error(`There is no endpoint "${endpoint}"; there are: ${endpoints.join(', ')}.`);
  }
}

/** Faults also arrive as JSON from other processes, unchecked by the compiler. */
function check(endpoint: Endpoint, fault: Fault): void {
  checkEndpoint(endpoint);
  if ('named' in fault) refusalNamed(endpoint, fault.named);
  else if (
    !('status' in fault && 'body' in fault) &&
    !['drop', 'delayMs', 'until'].some((key) => key in fault)
  ) {
    throw new Error('A fault is one of {status, body}, {named}, {drop: true}, {delayMs} or {until}.');
  }
}
