import type { AccessRole } from './access-role.js';

/** A Google Ads account: a manager, or an advertiser at a leaf. */
export interface AdsAccount {
  /** Its customer id: digits, without dashes. */
  readonly id: string;
  readonly name: string | null;
  readonly manager: boolean;
  /** Google's CustomerStatus, such as `ENABLED`; null where Google did not tell. */
  readonly status: string | null;
}

/** An account that a manager manages directly. One account can have several managers. */
export interface ManagerLink {
  readonly manager: string;
  readonly client: string;
}

/** An account that the user was invited to. Everything below it follows from that. */
export interface DirectAccess {
  readonly customer: string;
  /** Null: Google did not tell. */
  readonly role: AccessRole | null;
}

/**
 * Why the tree may lack something.
 * - `closed`: the account is cancelled or not yet active; Google tells nothing more of it
 * - `refused`: Google did not let this user list what is below it
 * - `cut_off`: there is more below it than one synchronisation looks at
 */
export interface TreeGap {
  readonly customer: string;
  readonly why: 'closed' | 'refused' | 'cut_off';
}

/** What one user reaches in Google Ads: a directed acyclic graph, although Google and we call it a tree. */
export interface AccountTree {
  readonly accounts: readonly AdsAccount[];
  readonly links: readonly ManagerLink[];
  readonly direct: readonly DirectAccess[];
  readonly gaps: readonly TreeGap[];
}

/** A tree with a circle is no tree: who manages whom cannot be said of it. */
export class CircularTree extends Error {
  override readonly name = 'CircularTree';

  /** @param circle customer ids, each the manager of the next, the last of the first */
  constructor(readonly circle: readonly string[]) {
    super(`Managers in a circle: ${circle.join(' > ')} > ${circle[0] ?? ''}`);
  }
}
