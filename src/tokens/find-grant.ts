import { Injectable } from '@nestjs/common';
import { isAccount } from '../domain/account.js';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { Refusals, type TokenWish } from './refusals.js';

/** Which of a user's grants a caller means. */
@Injectable()
export class FindGrant {
  constructor(
    private readonly grants: GrantStore,
    private readonly refusals: Refusals,
  ) {}

  /** @throws {BrokerError} `not_connected`, `ambiguous_account` or `reconnect_required` */
  async find(wish: TokenWish): Promise<Grant> {
    const all = await this.grants.findByUser(wish.userId, wish.client.alias);
    const meant =
      wish.account === null ? all : all.filter((grant) => isAccount(grant.account, wish.account ?? ''));
    const active = meant.filter((grant) => grant.status === 'active');
    if (active.length > 1) {
      throw new BrokerError(
        'ambiguous_account',
        'This user has connected several Google accounts. Say which one with account=, by sub or email.',
        { accounts: active.map(({ account }) => account) },
      );
    }
    if (active[0]) return active[0];
    // The newest tells best why there is no token now.
    const dead = meant.at(-1);
    throw dead ? await this.refusals.reconnectRequired(wish, dead) : await this.refusals.notConnected(wish);
  }
}
