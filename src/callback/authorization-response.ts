import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { Sealer } from '../sealing/sealer.js';
import {
  AuthorizationRequestsRepository,
  type PendingAuthorization,
} from '../token-store/connects/authorization-requests.repository.js';

/** What came back with the browser. */
export interface Return {
  readonly state: Secret;
  readonly code: Secret | null;
  /** Of the form of an error code, or `unknown_error`. */
  readonly error: string | null;
  readonly errorSubtype: string | null;
  readonly iss: string | null;
  readonly browserKey: Secret | null;
}

/** Finds the trip that a return belongs to, and takes the one use of its state. */
@Injectable()
export class ClaimAuthorizationResponse {
  constructor(
    private readonly google: GoogleOAuthClient,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly requests: AuthorizationRequestsRepository,
  ) {}

  /**
   * Checks everything first and takes the state's use last, so that a stranger cannot use it up.
   * @param whose told when the trip is found, before it is judged
   * @throws {BrokerError} `invalid_request`, with the reason
   */
  async claim(
    { state, iss, browserKey }: Return,
    whose: (connectRequest: ConnectRequest) => void,
  ): Promise<PendingAuthorization> {
    const stateHash = this.sealer.fingerprint(state, 'state');
    const request = await this.requests.find(stateHash);
    const now = this.clock.now();
    if (!request) throw refused('state_unknown', 'This answer belongs to no connect that we know.');
    whose(request.connectRequest);
    if (request.consumedAt) throw refused('state_used', 'This connect was finished already.');
    if (request.expiresAt <= now) {
      throw refused('state_expired', 'This connect took longer than 10 minutes.');
    }
    // RFC 6749 section 10.12: only the browser that began may finish.
    const binding = browserKey && this.sealer.fingerprint(browserKey, 'browser-key');
    if (!binding || !timingSafeEqual(binding, request.browserHash)) {
      throw refused('other_browser', 'This connect was begun in another browser, or its cookie is gone.');
    }
    // RFC 9207 section 2.4. Google has not always sent iss, so its absence is no fault.
    if (iss !== null && !this.google.isIssuer(iss)) {
      throw refused('wrong_issuer', 'This answer does not come from Google.');
    }
    if (!(await this.requests.consume(stateHash, now))) {
      throw refused('state_used', 'This connect was finished already.');
    }
    return request;
  }
}

function refused(reason: string, what: string): BrokerError {
  return new BrokerError(
    'invalid_request',
    `${what} Go back to the app; if it is not connected, start again there.`,
    { reason },
  );
}
