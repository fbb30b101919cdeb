import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { assertMay, type Service } from '../domain/access/policy.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import type { RevocationAttempt } from '../domain/grant/revocation.js';
import { Clock } from '../domain/ports/clock.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { RevocationsRepository } from '../token-store/grants/revocations.repository.js';
import { RevokeAtGoogle } from './revoke-at-google.js';

const ONLY_LOCAL =
  'must be local for a service account: its key is deleted in the Google console (IAM, Service Accounts, Keys).';
/** A consent makes us look again; more often than this is no coincidence. */
const MAX_CHANGES = 3;

export interface Revoked {
  /** The other grants that died with it, or will. */
  readonly also: readonly Grant[];
  /** False: Google has not confirmed yet. No token is given any more, and the broker goes on until it is done. */
  readonly isFinished: boolean;
}

@Injectable()
export class DisconnectGrant {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly revocations: RevocationsRepository,
    private readonly revokeAtGoogle: RevokeAtGoogle,
  ) {}

  /**
   * Forgets a grant here. Google still knows it, and its slot stays taken. A revocation that was begun goes on.
   * @throws {BrokerError} `not_allowed` without the right `disconnect`
   */
  async forget(service: Service, grant: Grant): Promise<void> {
    assertMay(service, 'disconnect');
    await this.grants.forget(grant, null, this.clock.now());
  }

  /**
   * Revokes a grant at Google, then forgets it. At Google this ends every grant of the account in the whole
   * project, of whatever client or user; those are marked revoked here too. What is meant to happen is written before
   * Google is asked: from then on no replica gives a token of these grants, and what a failure interrupts is resumed.
   * @throws {BrokerError} `not_allowed` without the right `revoke`, or `invalid_request` for a service account; nothing is
   * done then
   */
  async revoke(service: Service, grant: Grant, requestId: string): Promise<Revoked> {
    assertMay(service, 'revoke');
    assertRevocable(grant);
    const requester = { actor: service.name, serviceId: service.id, requestId };
    const { leaseMs } = this.revokeAtGoogle;
    const clients = this.#clientsOfProject(grant);
    let current: Grant | null = grant;
    for (let look = 1; current && look <= MAX_CHANGES; look++) {
      // Asked again while it is not finished: goes on with it at once.
      const resumed = current.status === 'revoking' ? await this.revocations.resume(grant.id, leaseMs) : null;
      if (resumed === 'busy') return { also: await this.siblings(service, grant), isFinished: false };
      if (resumed) return this.#attempt(resumed, await this.siblings(service, grant));
      const begun = await this.revocations.begin(current, clients, requester, leaseMs, this.clock.now());
      if (begun === 'no_token') {
        await this.grants.forget(current, 'revoked', this.clock.now());
        return { also: [], isFinished: true };
      }
      if (begun) return this.#attempt(begun.attempt, begun.siblings);
      current = await this.grants.findById(grant.id);
    }
    throw new BrokerError('not_found', 'There is no such grant; it may have been disconnected.');
  }

  /**
   * The other living grants of the same account in the same Google Cloud project: what dies with it at Google.
   * @throws {BrokerError} `not_allowed` without the right `revoke`, or `invalid_request` for a service account, which has
   * nothing that could be revoked
   */
  async siblings(service: Service, grant: Grant): Promise<Grant[]> {
    assertMay(service, 'revoke');
    assertRevocable(grant);
    const all = await this.grants.findLivingByAccount(grant.account.sub, this.#clientsOfProject(grant));
    return all.filter((other) => other.id !== grant.id);
  }

  async #attempt(attempt: RevocationAttempt, siblings: readonly Grant[]): Promise<Revoked> {
    const also = await this.revokeAtGoogle.attempt(attempt, true);
    return also ? { also, isFinished: true } : { also: siblings, isFinished: false };
  }

  #clientsOfProject({ client }: Grant): string[] {
    return this.settings.clients.ofProject(this.settings.clients.pick(client).projectId);
  }
}

function assertRevocable({ kind }: Grant): void {
  if (kind === 'service_account') throw invalidRequest({ mode: ONLY_LOCAL });
}
