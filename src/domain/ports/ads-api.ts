import type { AccessRole } from '../ads/access-role.js';
import type { AdsAccount } from '../ads/account-tree.js';
import type { Secret } from '../secret.js';

export interface AdsCall {
  /** The user's own access token, with the scope adwords. */
  readonly token: Secret;
  readonly customerId: string;
  /** An account that the user was invited to, and that leads to the called one: the header `login-customer-id`. */
  readonly loginCustomerId: string;
}

export interface AdsListing {
  /** The called account itself; null where Google lists nothing, as it may for advertisers. */
  readonly self: AdsAccount | null;
  /** The accounts directly below it. */
  readonly clients: readonly AdsAccount[];
  /** Google had more pages than we read. */
  readonly isCutOff: boolean;
}

/** The Google Ads API, as far as the broker needs it. Its requests throw `AdsFailure` and nothing else. */
export abstract class AdsApi {
  /** The customer ids of the accounts that the user was invited to. Knows nothing of what is below them. */
  abstract accessibleCustomers(token: Secret): Promise<string[]>;

  /** Google tells no parents, only how far below an account is: links are learned one level at a time. */
  abstract list(call: AdsCall): Promise<AdsListing>;

  abstract account(call: AdsCall): Promise<AdsAccount | null>;

  /** @returns null where Google does not tell this user */
  abstract roleOf(call: AdsCall, email: string): Promise<AccessRole | null>;
}
