import type { Expiry } from '../forecast.js';
import type { Grant } from '../grant.js';

/** Tells the app that a grant will die, once for each time at which it would. */
export abstract class ExpiryNotices {
  /** @returns false when that was told before, or the grant changed since it was read */
  abstract tell(grant: Grant, expiry: Expiry, now: Date): Promise<boolean>;
}
