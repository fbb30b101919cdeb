import type { components } from './api.js';

export type Problem = components['schemas']['Problem'];

/**
 * What went wrong: the codes of the broker, and those of this client. `connection_failed` and `timeout`: the broker did not
 * answer; `invalid_response`: the answer is not the broker's, such as a proxy's; `invalid_webhook`: its signature is wrong.
 */
export type ErrorCode =
  | Problem['code']
  | 'connection_failed'
  | 'timeout'
  | 'invalid_response'
  | 'invalid_webhook';

/** A refusal of the broker, or no answer of it. The message holds no secret. */
export class TokenBrokerError extends Error {
  override readonly name = 'TokenBrokerError';

  constructor(
    readonly code: ErrorCode,
    /** What happened and what to do next, for people. */
    readonly detail: string,
    /** The whole refusal, where the broker sent one. */
    readonly problem: Problem | null = null,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
  }

  /** Where to send the user, who can resolve it there; null where that would not help. */
  get connectUrl(): string | null {
    return this.problem?.connect_url ?? null;
  }

  /** Seconds to wait before the same call can succeed; null where waiting does not help, or it is not known how long. */
  get retryAfter(): number | null {
    return this.problem?.retry_after ?? null;
  }

  /** Names the call in the broker's log. */
  get requestId(): string | null {
    return this.problem?.request_id ?? null;
  }
}
