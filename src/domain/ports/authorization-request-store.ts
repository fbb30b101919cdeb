import type { ConnectWish } from '../connect-wish.js';
import type { Secret } from '../secret.js';

/** One pending trip to Google's consent page. */
export interface AuthorizationRequest {
  readonly ticketId: string;
  readonly wish: ConnectWish;
  /** `identify` only signs in, to learn which account it is before a slot is spent. */
  readonly purpose: 'consent' | 'identify';
  /** Whether prompt=consent was sent, so that Google must answer with a refresh token. */
  readonly forcedConsent: boolean;
  /** Whether include_granted_scopes was sent. */
  readonly includedGranted: boolean;
  readonly verifier: Secret;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Set from the start where no trip is needed: the ticket is used up all the same. */
  readonly consumedAt: Date | null;
}

/** Digests of the secrets that the browser and Google carry; the secrets themselves are not kept. */
export interface AuthorizationRequestKeys {
  readonly stateHash: Uint8Array<ArrayBuffer>;
  readonly nonceHash: Uint8Array<ArrayBuffer>;
  readonly browserHash: Uint8Array<ArrayBuffer>;
}

export type PendingAuthorization = AuthorizationRequest & AuthorizationRequestKeys;

export abstract class AuthorizationRequestStore {
  /** @returns false when the ticket has started a trip before; then nothing is stored */
  abstract add(request: AuthorizationRequest, keys: AuthorizationRequestKeys): Promise<boolean>;

  abstract isTicketUsed(ticketId: string): Promise<boolean>;

  abstract find(stateHash: Uint8Array<ArrayBuffer>): Promise<PendingAuthorization | null>;

  /** Takes the one use of a state. @returns false when another callback took it first */
  abstract consume(stateHash: Uint8Array<ArrayBuffer>, now: Date): Promise<boolean>;
}
