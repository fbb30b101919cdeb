import { Injectable } from '@nestjs/common';
import { BrokerError, integrityFailed } from '../domain/errors.js';
import { isAccount } from '../domain/grant/grant.js';
import type { CachedGrant, UserGrants } from './grant-cache.js';
import { listed, TokenErrors, type TokenRequest } from './token-errors.js';

/** Which of a user's grants a caller means. */
@Injectable()
export class FindGrant {
  constructor(private readonly errors: TokenErrors) {}

  /** @throws {BrokerError} `not_connected`, `ambiguous_account`, `reconnect_required` or `integrity_failed` */
  async find({ grants }: UserGrants, tokenRequest: TokenRequest): Promise<CachedGrant> {
    const { account } = tokenRequest;
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
      ? await this.errors.reconnectRequired(tokenRequest, dead.grant)
      : await this.errors.notConnected(tokenRequest, others);
  }
}
