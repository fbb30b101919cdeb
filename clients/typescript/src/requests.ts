import { type ErrorCode, type Problem, TokenBrokerError } from './token-broker-error.js';

export interface RequestsOptions {
  /** Where the broker is, such as `https://broker.example.com`. */
  readonly url: string;
  /** The service key, or how to get the JWT of this workload, which is asked for each call. */
  readonly credential: () => string | Promise<string>;
  /** For one call with all its attempts. */
  readonly timeoutMs: number;
  /** How often a call is repeated after 429, 503, or no answer. */
  readonly retries: number;
  readonly fetch: typeof fetch;
}

export interface Call {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** With one, it is a POST. */
  readonly body?: object;
  /** Whom the body names: a router in front of cells reads no bodies. */
  readonly user?: string | undefined;
  /** How long the broker may wait before it answers, besides the time limit of a call. */
  readonly waitMs?: number;
}

/** What may be gone a moment later. */
const TRANSIENT: readonly ErrorCode[] = ['connection_failed', 'timeout'];
const RETRIED_STATUSES = [429, 503];
/** What a proxy answers while it does not reach the broker. */
const GATEWAY_STATUSES = [502, 503, 504];
/** Where the broker does not say how long. */
const BACKOFF_MS = 250;
const MAX_DOUBLINGS = 5;
/** Between calls that are repeated as long as there is time, whatever the broker says. */
export const MIN_PAUSE_MS = 250;

/** Whether it says nothing about what was asked: the broker cannot answer now, or the answer is not the broker's. */
export function isNoAnswer(error: TokenBrokerError): boolean {
  return error.code === 'invalid_response' || isTransient(error);
}

export function isTransient({ code, problem }: TokenBrokerError): boolean {
  return TRANSIENT.includes(code) || (problem !== null && RETRIED_STATUSES.includes(problem.status));
}

/**
 * Owns the calls to the broker: credential, time limit, attempts, and the problems that become errors. Does not own what is
 * asked. Every call can be repeated: a token that is asked for twice is the same, and a connect link that is not used expires.
 */
export class Requests {
  readonly #base: string;

  constructor(private readonly options: RequestsOptions) {
    if (!/^https?:\/\//.test(options.url)) throw new TypeError('url must begin with https:// or http://.');
    this.#base = options.url.replace(/\/+$/, '');
  }

  /** @throws {TokenBrokerError}; or the reason of the signal */
  async send<Response>(call: Call, signal?: AbortSignal): Promise<Response> {
    const deadline = performance.now() + this.options.timeoutMs + (call.waitMs ?? 0);
    for (let attempt = 0; ; attempt++) {
      try {
        return (await this.#attempt(call, deadline, signal)) as Response;
      } catch (error) {
        if (!(error instanceof TokenBrokerError) || !isTransient(error)) throw error;
        const waitMs = waitMsAfter(error, attempt);
        const isLast = attempt >= this.options.retries || performance.now() + waitMs >= deadline;
        if (isLast) throw error;
        await pause(waitMs, signal);
      }
    }
  }

  async #attempt(
    { path, query = {}, body, user }: Call,
    deadline: number,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const credential = (await this.options.credential()).trim();
    // The error of fetch() would show it.
    if (!/^[\x21-\x7e]+$/.test(credential))
      throw new TypeError('The credential must be one line of visible ASCII characters, without spaces.');
    const late = AbortSignal.timeout(Math.max(1, Math.ceil(deadline - performance.now())));
    try {
      const response = await this.options.fetch(url, {
        method: body ? 'POST' : 'GET',
        headers: {
          authorization: `Bearer ${credential}`,
          accept: 'application/json',
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(user === undefined ? {} : { 'x-token-broker-user': encodeURIComponent(user) }),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        // The credential is for this address only.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([late, signal]) : late,
      });
      return readResponse(response, await response.text());
    } catch (error) {
      if (error instanceof TokenBrokerError) throw error;
      signal?.throwIfAborted();
      if (late.aborted) {
        const detail = `The broker did not answer within ${String(this.options.timeoutMs)} ms.`;
        throw new TokenBrokerError('timeout', detail, null, { cause: error });
      }
      const detail = `The broker at ${url.origin} cannot be reached.`;
      throw new TokenBrokerError('connection_failed', detail, null, { cause: error });
    }
  }
}

function readResponse({ ok, status, headers }: Response, text: string): unknown {
  const [type] = (headers.get('content-type') ?? '').split(';', 1);
  const json = ok ? 'application/json' : 'application/problem+json';
  if (type === json) {
    try {
      const answer: unknown = JSON.parse(text);
      if (ok) return answer;
      const problem = answer as Problem | null;
      // Other servers write problems too, without a code.
      if (typeof problem?.code === 'string')
        throw new TokenBrokerError(problem.code, problem.detail, withRetryAfter(problem, headers));
    } catch (error) {
      if (error instanceof TokenBrokerError) throw error;
    }
  }
  if (GATEWAY_STATUSES.includes(status)) {
    const detail = `The broker cannot be reached: a proxy answers ${String(status)} for it.`;
    throw new TokenBrokerError('connection_failed', detail);
  }
  const detail = `Status ${String(status)} with ${type || 'no content type'} is not an answer of the broker.`;
  throw new TokenBrokerError('invalid_response', detail);
}

function withRetryAfter(problem: Problem, headers: Headers): Problem {
  const seconds = headers.get('retry-after');
  return seconds !== null && /^\d+$/.test(seconds) ? { ...problem, retry_after: Number(seconds) } : problem;
}

/** What the broker says; or doubled with each attempt, and spread: callers that failed together do not come back together. */
export function waitMsAfter({ retryAfter }: TokenBrokerError, attempt: number): number {
  if (retryAfter !== null) return retryAfter * 1000;
  return BACKOFF_MS * 2 ** Math.min(attempt, MAX_DOUBLINGS) * (0.5 + Math.random());
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
