import type { ConnectWish } from '../connect-wish.js';

export interface ConnectLink {
  readonly url: string;
  readonly expiresAt: Date;
}

/** Makes the links that take a user to consent. Refusals carry one, so that the way on is one click. */
export abstract class ConnectLinks {
  abstract create(wish: ConnectWish): Promise<ConnectLink>;
}
