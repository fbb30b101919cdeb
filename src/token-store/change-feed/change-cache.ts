import type { Prisma } from '../prisma-client/client.js';
import type { ChangeFeed } from './change-feed.js';
import type { SharedKind } from './change-listener.js';

/**
 * One value in memory that changes as seldom as services do: read again after each change of what it depends on, and when it is older than
 * the settings allow. Does not own what is read.
 */
export class ChangeCache<T> {
  #cached: { readonly value: T; readonly readAt: number } | null = null;
  #changes = 0;

  constructor(
    private readonly feed: ChangeFeed,
    /** What it is read from. */
    kinds: readonly SharedKind[],
    private readonly read: (client: Prisma.TransactionClient) => Promise<T>,
  ) {
    feed.subscribeTo(kinds, () => {
      this.#changes++;
      this.#cached = null;
    });
  }

  /** @param client reads it where it is not in memory */
  async get(client: Prisma.TransactionClient): Promise<T> {
    const cached = this.#cached;
    const { undistributed } = this.feed;
    if (cached && undistributed.isValid && undistributed.isValidSince(cached.readAt)) return cached.value;
    const [changes, readAt] = [this.#changes, performance.now()];
    const value = await this.read(client);
    // What changed while it was read may not be in it.
    if (changes === this.#changes) this.#cached = { value, readAt };
    return value;
  }
}
