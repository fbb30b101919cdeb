import type { ConnectWish } from '../connect-wish.js';

export interface ConnectLink {
  readonly url: string;
  readonly expiresAt: Date;
}

/** Makes the links that take a user to consent. Refusals carry one, so that the way on is one click. */
export abstract class ConnectLinks {
  /** @throws {BrokerError} `invalid_request` for more than a link can carry */
  abstract create(wish: ConnectWish): Promise<ConnectLink>;

  /** One more link for the same connect, that ends when its first link ends. @returns null when that is over */
  abstract renew(wish: ConnectWish): Promise<string | null>;
}
