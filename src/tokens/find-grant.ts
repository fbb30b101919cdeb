import { Injectable } from '@nestjs/common';
import { isAccount } from '../domain/account.js';
import { BrokerError } from '../domain/errors.js';
import { integrityFailed } from '../domain/integrity.js';
import { listed, Refusals, type TokenWish } from './refusals.js';
import type { RememberedGrant, UserGrants } from './remembered-grants.js';

/** Which of a user's grants a caller means. */
@Injectable()
export class FindGrant {
  constructor(private readonly refusals: Refusals) {}

  /** @throws {BrokerError} `not_connected`, `ambiguous_account`, `reconnect_required` or `integrity_failed` */
  async find({ grants }: UserGrants, wish: TokenWish): Promise<RememberedGrant> {
    const { account } = wish;
    const meant = account === null ? grants : grants.filter(({ grant }) => isAccount(grant.account, account));
    const living = meant.filter(({ grant }) => grant.status === 'active');
    const active = living.filter(({ isIntact }) => isIntact);
    if (active.length > 1) {
      throw new BrokerError(
        'ambiguous_account',
        'This user has connected several Google accounts. Say which one with account=, by sub or email.',
        { accounts: listed(active.map(({ grant }) => grant.account)) },
      );
    }
    if (active[0]) return active[0];
    if (living.length > 0) throw integrityFailed();
    const others = grants.map(({ grant }) => grant.account);
    // The newest tells best why there is no token now.
    const dead = meant.at(-1);
    throw dead
      ? await this.refusals.reconnectRequired(wish, dead.grant)
      : await this.refusals.notConnected(wish, others);
  }
}
