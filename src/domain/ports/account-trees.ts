import type { AccountTree } from '../ads/account-tree.js';

export interface SyncedTree {
  readonly tree: AccountTree;
  /** When we began to ask Google: what changed since may be missing. */
  readonly syncedAt: Date;
}

/** Keeps what Google Ads told of each grant: one tree a grant, deleted with it. */
export abstract class AccountTrees {
  abstract find(grantId: string): Promise<SyncedTree | null>;

  /** How old the kept tree is, without reading it. */
  abstract syncedAt(grantId: string): Promise<Date | null>;

  /** @returns false when the grant is gone, or a newer tree is kept; then nothing is written */
  abstract save(grantId: string, synced: SyncedTree): Promise<boolean>;
}
