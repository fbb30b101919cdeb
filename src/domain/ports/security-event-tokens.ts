import type { SecurityEventToken } from '../security-event.js';

/** Tells Google's security event tokens from all others. */
export abstract class SecurityEventTokens {
  /**
   * @param clientIds one of them must be the audience
   * @throws {BrokerError} `invalid_request` with RFC 8935's `err` when the token is not from Google or not for us
   * @throws {GoogleFailure} `unavailable` when Google's keys cannot be read; the same token may be good later
   */
  abstract verify(token: string, clientIds: readonly string[]): Promise<SecurityEventToken>;
}
