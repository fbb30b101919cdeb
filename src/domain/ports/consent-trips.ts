import type { Secret } from '../secret.js';
import type { RequiredAccount } from './authorization-request-store.js';

/** What a user is about to be asked for at Google. */
export interface TripWish {
  readonly ticketId: string;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly userId: string;
  readonly client: string;
  readonly scopes: readonly string[];
  readonly accountHint: string | null;
  readonly requireAccount: RequiredAccount | null;
  readonly returnTo: string | null;
}

export interface Trip {
  readonly consentUrl: string;
  /** Names the browser's cookie; derived from the state, so that the callback finds it. */
  readonly id: string;
  /** Goes into the browser's cookie; the callback demands it back. */
  readonly browserKey: Secret;
  /** How long the user may take, in seconds. */
  readonly seconds: number;
}

/** Sends users to Google. The callback uses it as well, to ask once more with prompt=consent. */
export abstract class ConsentTrips {
  /** @throws BrokerError `invalid_request` when the ticket began a trip before */
  abstract begin(wish: TripWish, forceConsent?: boolean): Promise<Trip>;

  /** The id of the trip that a state belongs to. */
  abstract idOf(state: Secret): string;
}
