import { Injectable } from '@nestjs/common';
import type { Policy } from '../domain/access/policy.js';
import { aboutConnect, cancelFacts } from '../connect-tickets/connect-audit.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import type { RevocationRequester } from '../domain/grant/revocation.js';
import { Clock } from '../domain/ports/clock.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';
import { GrantListsRepository } from '../token-store/grants/grant-lists.repository.js';
import { DelegatedCredentialsRepository } from '../token-store/services/delegated-credentials.repository.js';
import type { DisconnectMode } from './disconnect-grant.js';
import { type EndedGrants, EndGrants } from './end-grants.js';

/** Of one call: a caller is not kept waiting for more. */
const MAX_GRANTS = 100;
const MAX_CREDENTIALS = 1000;
const MAX_TICKETS = 1000;

export interface Offboarding {
  readonly userId: string;
  readonly mode: DisconnectMode;
  /** What the caller's policy covers; null: everything, for an operator. */
  readonly policy: Policy | null;
  readonly by: RevocationRequester;
}

export interface Offboarded extends EndedGrants {
  /** How many delegated credentials for this user were revoked, or would be. */
  readonly credentials: number;
  /** How many connects under way were cancelled, or would be. */
  readonly connects: number;
  /** Whether there is more than one call ends. */
  readonly isMore: boolean;
  /** Whether nothing is left to do: false while Google has not confirmed, where a grant was kept, and where there are more. */
  readonly isComplete: boolean;
}

/**
 * Offboarding: ends all that the broker holds for a user. Repeated, it continues where it was interrupted, and changes
 * nothing where nothing is left.
 * Does not own how a grant ends (end-grants.ts) nor what stays: docs/grants.md, "Offboarding".
 */
@Injectable()
export class OffboardUser {
  constructor(
    private readonly clock: Clock,
    private readonly lists: GrantListsRepository,
    private readonly endGrants: EndGrants,
    private readonly credentials: DelegatedCredentialsRepository,
    private readonly tickets: ConnectTicketsRepository,
    private readonly progress: TicketProgress,
    private readonly metrics: ConnectMetrics,
    private readonly audit: AuditLog,
  ) {}

  /** What `offboard` would do. */
  async preview(request: Offboarding): Promise<Offboarded> {
    const { items, next } = await this.#grantsOf(request);
    const ended = await this.endGrants.preview(items, request.mode);
    const credentials = await this.#credentialsOf(request);
    const connects = await this.#ticketsOf(request);
    const isMore = next !== null || credentials.isMore || connects.isMore;
    const counts = { credentials: credentials.items.length, connects: connects.items.length };
    return { ...ended, ...counts, isMore, isComplete: isComplete(ended, isMore) };
  }

  /** What could bring a new grant or a token ends first. */
  async offboard(request: Offboarding): Promise<Offboarded> {
    const connects = await this.#cancelConnects(request);
    const credentials = await this.#revokeCredentials(request);
    const { items, next } = await this.#grantsOf(request);
    const ended = await this.endGrants.end(items, request.mode, request.by);
    const isMore = next !== null || credentials.isMore || connects.isMore;
    const counts = { credentials: credentials.count, connects: connects.count };
    return { ...ended, ...counts, isMore, isComplete: isComplete(ended, isMore) };
  }

  /** As `offboard`, with the event that a route would write. */
  async offboardByOperator(request: Omit<Offboarding, 'policy'>): Promise<Offboarded> {
    const { userId, mode, by } = request;
    const done = await this.offboard({ ...request, policy: null });
    const outcome = done.isComplete ? 'ok' : 'incomplete';
    const common = { at: this.clock.now(), action: 'user.offboard', outcome, ...by } as const;
    this.audit.record({ ...common, userId, details: { mode, ...countsOf(done) } });
    await this.audit.flushCommitted([userId]);
    return done;
  }

  #grantsOf({ userId, policy }: Offboarding) {
    const clients = policy?.clients ?? ['*'];
    return this.lists.ofUser({ userId, clients, after: null, limit: MAX_GRANTS });
  }

  /** One more than a call ends: it shows that there are more. */
  async #credentialsOf({ userId, policy, by }: Offboarding) {
    const clients = policy?.clients ?? ['*'];
    const filter = { userId, clients, serviceId: by.serviceId, now: this.clock.now() };
    return firstOf(await this.credentials.usableOfUser(filter, MAX_CREDENTIALS + 1), MAX_CREDENTIALS);
  }

  async #ticketsOf({ userId, policy, by }: Offboarding) {
    const clients = policy?.clients ?? ['*'];
    const filter = { userId, clients, serviceId: by.serviceId, now: this.clock.now() };
    return firstOf(await this.tickets.openOfUser(filter, MAX_TICKETS + 1), MAX_TICKETS);
  }

  async #cancelConnects(request: Offboarding): Promise<Ended> {
    const { by, userId } = request;
    const { items, isMore } = await this.#ticketsOf(request);
    let count = 0;
    for (const { id } of items) {
      const ended = await this.progress.cancel(id, by.requestId);
      if (!ended?.isNew) continue;
      count++;
      this.metrics.ended(ended.end);
      const { details: asked, ...about } = aboutConnect(ended.ticket.connectRequest);
      const details = { ticket: id, ...asked, ...cancelFacts(ended).details };
      const common = { at: this.clock.now(), action: 'connect.cancel', outcome: 'ok' } as const;
      this.audit.record({ ...common, ...by, ...about, userId, details });
    }
    return { count, isMore };
  }

  async #revokeCredentials(request: Offboarding): Promise<Ended> {
    const { items, isMore } = await this.#credentialsOf(request);
    for (const { id, serviceId, client } of items) {
      await this.credentials.revoke(id, null, this.clock.now());
      const common = { at: this.clock.now(), action: 'credential.revoke', outcome: 'ok' } as const;
      // The trail of the service whose credential it was shows the event, too.
      const about = { ...request.by, serviceId, userId: request.userId, client, details: { credential: id } };
      this.audit.record({ ...common, ...about });
    }
    return { count: items.length, isMore };
  }
}

interface Ended {
  readonly count: number;
  readonly isMore: boolean;
}

function firstOf<Item>(found: readonly Item[], limit: number) {
  return { items: found.slice(0, limit), isMore: found.length > limit };
}

function isComplete({ grants }: EndedGrants, isMore: boolean): boolean {
  return !isMore && grants.every(({ outcome }) => outcome === 'revoked' || outcome === 'deleted');
}

/** For the audit trail. Counts only: a service that reads one user's events may not see the other users. */
export function countsOf({ grants, also, credentials, connects }: Offboarded): Record<string, number> {
  return {
    grants: grants.length,
    ...(also.length > 0 ? { also_revoked: also.length } : {}),
    ...(credentials > 0 ? { credentials } : {}),
    ...(connects > 0 ? { connects } : {}),
  };
}
