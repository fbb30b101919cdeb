import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { type BrokerError, invalidRequest, noSuchGrant } from '../domain/errors.js';
import { REVOKING } from '../domain/grant/diagnosis.js';
import type { Grant } from '../domain/grant/grant.js';
import type { RevocationAttempt, RevocationRequester } from '../domain/grant/revocation.js';
import { Clock } from '../domain/ports/clock.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { RevocationsRepository } from '../token-store/grants/revocations.repository.js';
import { RevokeAtGoogle } from './revoke-at-google.js';

/** `local`: delete it here. `revoke`: revoke it at Google first. */
export const DISCONNECT_MODES = ['local', 'revoke'] as const;

export type DisconnectMode = (typeof DISCONNECT_MODES)[number];

/** The right that each mode needs. */
export const RIGHT_FOR = { local: 'disconnect', revoke: 'revoke' } as const;

const ONLY_LOCAL =
  'must be local for a service account: its key is deleted in the Google console (IAM, Service Accounts, Keys).';
/** How often a grant is read again that a concurrent consent has changed. */
const MAX_READS = 3;

export interface Revoked {
  /** The other grants that Google ended with it, or will. */
  readonly also: readonly Grant[];
  /** False: Google has not confirmed yet. No token is issued any more, and the broker retries until it has. */
  readonly isFinished: boolean;
  /** The end of the revocation wrote its audit event. */
  readonly isAudited?: boolean;
}

/** What a disconnect did, or would do. */
interface Disconnected extends Revoked {
  /** As it was last; where Google has not confirmed, as it is until then. */
  readonly grant: Grant;
}

/** A revocation that is written down. Without an attempt there is nothing to ask Google now. */
export interface Begun extends Revoked {
  readonly attempt: RevocationAttempt | null;
}

/**
 * Ends one grant, here only or at Google too. Does not own who may: callers assert the right of a service, or are the
 * operator's. Nor what is audited of a grant that is deleted (end-grants.ts, or the route's own event).
 */
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
   * What `disconnect` would do.
   * @throws {BrokerError} as `siblings`, for `revoke`
   */
  async preview(grant: Grant, mode: DisconnectMode): Promise<Disconnected> {
    return { grant, also: mode === 'local' ? [] : await this.siblings(grant), isFinished: true };
  }

  /** @throws {BrokerError} as `#revoke`, for `revoke`; `not_found` where it was disconnected meanwhile */
  async disconnect(
    grant: Grant,
    mode: DisconnectMode,
    requester: RevocationRequester,
  ): Promise<Disconnected> {
    if (mode === 'local') {
      await this.#deleteHere(grant);
      return { grant, also: [], isFinished: true };
    }
    const revoked = await this.#revoke(grant, requester);
    const ended: Grant = revoked.isFinished ? grant : { ...grant, status: 'revoking', diagnosis: REVOKING };
    return { ...revoked, grant: ended };
  }

  async #deleteHere(grant: Grant): Promise<void> {
    let current: Grant | null = grant;
    for (let reads = 1; current && reads <= MAX_READS; reads++) {
      if (await this.grants.delete(current, false, this.clock.now())) return;
      current = await this.grants.findById(grant.id, grant.userId);
    }
    throw noSuchGrant();
  }

  /**
   * Revokes a grant at Google, then removes it. Google ends every grant of the account in the whole project, of any
   * client or user; those are marked revoked here too. The revocation is stored before Google is called: from then on
   * no replica issues a token of these grants, and a failed attempt is resumed.
   * @throws {BrokerError} `invalid_request` for a service account, or for a client that is not in the settings; nothing
   * changes then. `not_found` where it was disconnected meanwhile
   */
  async #revoke(grant: Grant, requester: RevocationRequester): Promise<Revoked> {
    const begun = await this.begin(grant, requester);
    if (begun === null) throw noSuchGrant();
    return this.finish(begun, requester);
  }

  /**
   * The first part of a revocation: from here on it is resumed by any replica.
   * @returns null where there is no such grant any more
   * @throws {BrokerError} as `#revoke`
   */
  async begin(grant: Grant, requester: RevocationRequester): Promise<Begun | null> {
    assertRevocable(grant);
    const { leaseMs } = this.revokeAtGoogle;
    // A client may have been taken out of the settings since; Google needs only the token.
    const known = this.#clientsOfProject(grant) ?? [grant.client];
    let current: Grant | null = grant;
    for (let reads = 1; current && reads <= MAX_READS; reads++) {
      // A repeated call resumes an unfinished revocation now. On several servers it is stored before its grants are marked.
      const mayBeBegun = current.status === 'revoking' || reads > 1;
      const resumed = mayBeBegun ? await this.revocations.resume(grant.id, leaseMs) : null;
      if (resumed === 'busy')
        return { attempt: null, also: await this.revocations.othersOf(grant, known), isFinished: false };
      if (resumed)
        return { attempt: resumed, also: await this.revocations.othersOf(grant, known), isFinished: false };
      const clients = this.#clientsOfProject(grant);
      if (clients === null) throw clientUnknown(grant);
      const begun = await this.revocations.begin(current, clients, requester, leaseMs, this.clock.now());
      if (begun === 'no_token') {
        if (await this.grants.delete(current, true, this.clock.now()))
          return { attempt: null, also: [], isFinished: true };
      } else if (begun) return { attempt: begun.attempt, also: begun.siblings, isFinished: false };
      current = await this.grants.findById(grant.id, grant.userId);
    }
    return null;
  }

  /**
   * The second part: asks Google, and writes what follows.
   * @param by the request that waits for it, for the audit event that is written with the end; null: the one that began it
   */
  async finish({ attempt, also, isFinished }: Begun, by: RevocationRequester | null): Promise<Revoked> {
    if (attempt === null) return { also, isFinished };
    const ended = await this.revokeAtGoogle.attempt(attempt, by);
    return ended ? { ...ended, isFinished: true } : { also, isFinished: false };
  }

  /**
   * The other active grants of the same account in the same Google Cloud project: Google ends them too.
   * @throws {BrokerError} `invalid_request` for a service account, which has no refresh token to revoke, and for a client
   * that is not in the settings
   */
  async siblings(grant: Grant): Promise<Grant[]> {
    assertRevocable(grant);
    const clients = this.#clientsOfProject(grant);
    if (clients === null) throw clientUnknown(grant);
    return this.revocations.othersOf(grant, clients);
  }

  /** Null where the settings do not have the client: its project is unknown, and so are the grants that end with this one. */
  #clientsOfProject({ client }: Grant): string[] | null {
    const { clients } = this.settings;
    const configured = clients.get(client);
    return configured ? clients.ofProject(configured.projectId) : null;
  }
}

function assertRevocable({ kind }: Grant): void {
  if (kind === 'service_account') throw invalidRequest({ mode: ONLY_LOCAL });
}

function clientUnknown({ client }: Grant): BrokerError {
  const what = `must be local while the client ${client} is not in GOOGLE_CLIENT_SECRETS: which grants would end with this one is unknown.`;
  return invalidRequest({ mode: what });
}
