import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { REVOKED_WITH_SIBLING } from '../domain/diagnosis.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google-failure.js';
import type { Grant } from '../domain/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Google } from '../domain/ports/google.js';
import { GrantStore } from '../domain/ports/grant-store.js';

@Injectable()
export class DisconnectGrant {
  constructor(
    private readonly settings: Settings,
    private readonly google: Google,
    private readonly clock: Clock,
    private readonly grants: GrantStore,
  ) {}

  /** Forgets a grant here. Google still knows it, and its slot stays taken. */
  async forget(grant: Grant): Promise<void> {
    await this.grants.forget(grant, null, this.clock.now());
  }

  /**
   * Revokes a grant at Google, then forgets it. At Google this ends every grant of the account in the whole
   * project, of whatever client or user; those are marked revoked here too.
   * @returns the grants that died with it
   * @throws {BrokerError} `google_unavailable`; then nothing is forgotten
   */
  async revoke(grant: Grant): Promise<Grant[]> {
    const refreshToken = await this.grants.refreshToken(grant);
    if (refreshToken !== null) {
      try {
        await this.google.revoke(refreshToken);
      } catch (error) {
        if (!(error instanceof GoogleFailure)) throw error;
        throw new BrokerError(
          'google_unavailable',
          `Google did not confirm the revocation (${error.error}). Nothing was forgotten; try again, or use mode=local.`,
          { retry_after: error.retryAfterSeconds ?? 5 },
        );
      }
    }
    const siblings = refreshToken === null ? [] : await this.siblings(grant);
    const now = this.clock.now();
    if (siblings.length > 0) await this.grants.markRevoked(siblings, REVOKED_WITH_SIBLING, now);
    await this.grants.forget(grant, 'revoked', now);
    return siblings;
  }

  /** The other living grants of the same account in the same Google Cloud project. */
  async siblings(grant: Grant): Promise<Grant[]> {
    const { projectId } = this.settings.clients.pick(grant.client);
    const all = await this.grants.findSiblings(grant.account.sub, this.settings.clients.ofProject(projectId));
    return all.filter(({ id, status }) => id !== grant.id && status === 'active');
  }
}
