import { Injectable } from '@nestjs/common';
import { type AccountTree, isAccountTree } from '../../domain/ads/account-tree.js';
import type { Grant } from '../../domain/grant/grant.js';
import { Database } from '../client/database.js';

type GrantKey = Pick<Grant, 'userId' | 'id'>;

export interface SyncedTree {
  readonly tree: AccountTree;
  /** When the broker began to ask Google: changes since may be missing. */
  readonly syncedAt: Date;
}

/** The Google Ads accounts that each grant reaches: one tree a grant, deleted with it. */
@Injectable()
export class AccountTreesRepository {
  constructor(private readonly database: Database) {}

  async find(grant: GrantKey): Promise<SyncedTree | null> {
    const row = await this.database.adsTree.findUnique({ where: { userId_grantId: keyOf(grant) } });
    if (!row) return null;
    const { tree, syncedAt } = row;
    // Written by `save` only; one that was changed in the database is synchronised again.
    return isAccountTree(tree) ? { tree, syncedAt } : null;
  }

  /** How old the kept tree is, without reading it. */
  async syncedAt(grant: GrantKey): Promise<Date | null> {
    const row = await this.database.adsTree.findUnique({
      where: { userId_grantId: keyOf(grant) },
      select: { syncedAt: true },
    });
    return row?.syncedAt ?? null;
  }

  /** One statement: a disconnect in between leaves no row to hang the tree on, and a slow replica cannot win late. */
  async save({ userId, id }: GrantKey, { tree, syncedAt }: SyncedTree): Promise<boolean> {
    const count = await this.database.$executeRaw`
      INSERT INTO ads_trees (user_id, grant_id, tree, synced_at)
      SELECT user_id, id, ${JSON.stringify(tree)}::jsonb, ${syncedAt} FROM grants
      WHERE user_id = ${userId} AND id = ${id}::uuid
      ON CONFLICT (user_id, grant_id) DO UPDATE SET tree = EXCLUDED.tree, synced_at = EXCLUDED.synced_at
      WHERE ads_trees.synced_at < EXCLUDED.synced_at`;
    return count > 0;
  }
}

function keyOf({ userId, id: grantId }: GrantKey) {
  return { userId, grantId };
}
