import type { Way } from '../ads/access-map.js';
import type { AccessRole } from '../ads/access-role.js';
import type { Grant } from '../grant.js';
import type { UserTokenWish } from './user-tokens.js';

export interface AdsAccessWish {
  /** Used only where the tree must be asked for. */
  readonly token: UserTokenWish;
  readonly grant: Grant;
  /** Digits, without dashes. */
  readonly customerId: string;
  readonly minRole: AccessRole | null;
  /** Google answered USER_PERMISSION_DENIED to a way of the tree of this time: an older or equal one is refreshed. */
  readonly deniedTreeOf: Date | null;
}

export interface FoundAccess {
  readonly way: Way;
  /** Other ways that would do, the best first. */
  readonly alternatives: readonly Way[];
  readonly syncedAt: Date;
}

/** Which root leads a user to a Google Ads account, and with which role. */
export abstract class AdsAccess {
  /** @throws {BrokerError} `no_ads_access`; and what a synchronisation can throw, where there is no tree yet */
  abstract find(wish: AdsAccessWish): Promise<FoundAccess>;
}
