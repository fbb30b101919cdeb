import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { REVOKED_WITH_SIBLING } from '../domain/diagnosis.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google-failure.js';
import { isLiving, type Grant } from '../domain/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Google } from '../domain/ports/google.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { SlotLedger } from '../domain/ports/slot-ledger.js';
import type { Secret } from '../domain/secret.js';

const RETRY_AFTER_SECONDS = 5;

const ONLY_LOCAL =
  'must be local for a service account: its key is deleted in the Google console (IAM, Service Accounts, Keys).';

@Injectable()
export class DisconnectGrant {
  constructor(
    private readonly settings: Settings,
    private readonly google: Google,
    private readonly clock: Clock,
    private readonly grants: GrantStore,
    private readonly ledger: SlotLedger,
  ) {}

  /** Forgets a grant here. Google still knows it, and its slot stays taken. */
  async forget(grant: Grant): Promise<void> {
    await this.grants.forget(grant, null, this.clock.now());
  }

  /**
   * Revokes a grant at Google, then forgets it. At Google this ends every grant of the account in the whole
   * project, of whatever client or user; those are marked revoked here too.
   * @returns the grants that died with it
   * @throws {BrokerError} `google_unavailable`, or `invalid_request` for a service account; then nothing is forgotten
   */
  async revoke(grant: Grant): Promise<Grant[]> {
    const siblings = await this.siblings(grant);
    const refreshToken = await this.grants.refreshToken(grant);
    const asked = this.clock.now();
    const outcome = refreshToken === null ? 'already_dead' : await this.#revokeAtGoogle(refreshToken);
    // A token that was dead before (evicted, expired) took nobody with it, and says nothing of the others.
    const also = outcome === 'revoked' ? siblings : [];
    const now = this.clock.now();
    if (also.length > 0) await this.grants.markRevoked(also, REVOKED_WITH_SIBLING, now);
    await this.grants.forget(grant, 'revoked', now);
    if (outcome === 'revoked') {
      // Whoever consented while Google was answering keeps what came of it.
      await this.ledger.endAll(grant.account.sub, this.#clientsOfProject(grant), 'revoked', asked, now);
    }
    return also;
  }

  /**
   * The other living grants of the same account in the same Google Cloud project: what dies with it at Google.
   * @throws {BrokerError} `invalid_request` for a service account, which has nothing that could be revoked
   */
  async siblings(grant: Grant): Promise<Grant[]> {
    if (grant.kind === 'service_account') throw invalidRequest({ mode: ONLY_LOCAL });
    const all = await this.grants.findByAccount(grant.account.sub, this.#clientsOfProject(grant));
    return all.filter((other) => other.id !== grant.id && isLiving(other));
  }

  #clientsOfProject({ client }: Grant): string[] {
    return this.settings.clients.ofProject(this.settings.clients.pick(client).projectId);
  }

  async #revokeAtGoogle(refreshToken: Secret): Promise<'revoked' | 'already_dead'> {
    try {
      return await this.google.revoke(refreshToken);
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      throw new BrokerError(
        'google_unavailable',
        `Google did not confirm the revocation (${error.error}). Nothing was forgotten; try again, or use mode=local.`,
        { retry_after: error.retryAfterSeconds ?? RETRY_AFTER_SECONDS },
      );
    }
  }
}
