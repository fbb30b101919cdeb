import type { GoogleClient } from '../google-client.js';
import type { Grant } from '../grant.js';
import type { Service } from '../policy.js';
import type { Secret } from '../secret.js';

/** For whom, and what for, a room of the broker itself needs a user's token. */
export interface UserTokenWish {
  readonly service: Service;
  readonly userId: string;
  readonly client: GoogleClient;
  /** `sub` or email; null where the caller leaves it to us. */
  readonly account: string | null;
  readonly scopes: readonly string[];
  readonly requestId: string;
  /** Aborted when the caller has gone: nothing is asked for it any more. */
  readonly hangUp?: (() => AbortSignal) | undefined;
}

/**
 * Users' grants and access tokens for calls that the broker makes itself, under the same rules as for services.
 * Both throw the `BrokerError`s of GET /tokens/:userId.
 */
export abstract class UserTokens {
  /** Which grant is meant, and that it holds the scopes. Asks Google nothing. */
  abstract grantOf(wish: UserTokenWish): Promise<Grant>;

  /** @param renew asks Google for a new one, because the one that we hold was refused */
  abstract tokenOf(wish: UserTokenWish, renew?: 'renew'): Promise<Secret>;
}
