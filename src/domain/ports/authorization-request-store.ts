import type { Secret } from '../secret.js';

/** Which account the user must come back with. */
export interface RequiredAccount {
  readonly email?: string;
  readonly sub?: string;
  /** A Google Workspace domain. */
  readonly hd?: string;
}

/** One pending trip to Google's consent page. */
export interface AuthorizationRequest {
  readonly ticketId: string;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly userId: string;
  readonly client: string;
  /** What the service asked for, without the sign-in scopes that the broker adds. */
  readonly scopes: readonly string[];
  readonly accountHint: string | null;
  readonly requireAccount: RequiredAccount | null;
  readonly returnTo: string | null;
  /** Whether prompt=consent was sent, so that Google must answer with a refresh token. */
  readonly forcedConsent: boolean;
  readonly verifier: Secret;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** Digests of the secrets that the browser and Google carry; the secrets themselves are not kept. */
export interface AuthorizationRequestKeys {
  readonly stateHash: Uint8Array<ArrayBuffer>;
  readonly nonceHash: Uint8Array<ArrayBuffer>;
  readonly browserHash: Uint8Array<ArrayBuffer>;
}

export interface PendingAuthorization extends AuthorizationRequest, AuthorizationRequestKeys {
  readonly consumedAt: Date | null;
}

export abstract class AuthorizationRequestStore {
  /** @returns false when the ticket has started a trip before; then nothing is stored */
  abstract add(request: AuthorizationRequest, keys: AuthorizationRequestKeys): Promise<boolean>;

  abstract isTicketUsed(ticketId: string): Promise<boolean>;

  abstract find(stateHash: Uint8Array<ArrayBuffer>): Promise<PendingAuthorization | null>;

  /** Takes the one use of a state. @returns false when another callback took it first */
  abstract consume(stateHash: Uint8Array<ArrayBuffer>, now: Date): Promise<boolean>;
}
