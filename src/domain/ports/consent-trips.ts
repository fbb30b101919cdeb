import type { ConnectWish } from '../connect-wish.js';
import type { Account } from '../grant.js';
import type { Secret } from '../secret.js';

export interface Trip {
  readonly consentUrl: string;
  /** Names the browser's cookie; derived from the state, so that the callback finds it. */
  readonly id: string;
  /** Goes into the browser's cookie; the callback demands it back. */
  readonly browserKey: Secret;
  /** How long the user may take, in seconds. */
  readonly seconds: number;
}

/** Sends users to Google. The callback uses it as well, when one trip was not enough. */
export abstract class ConsentTrips {
  /**
   * One more trip of the same browser for the same wish.
   * @param account where the last trip showed which one it is
   * @param forceConsent asks Google for a consent screen, and so for a refresh token
   * @throws BrokerError `slots_full` when it would kill another user's grant
   */
  abstract again(wish: ConnectWish, account: Account, forceConsent: boolean): Promise<Trip>;

  /** The id of the trip that a state belongs to. */
  abstract idOf(state: Secret): string;
}
