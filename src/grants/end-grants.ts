import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import type { EndedGrantOutcome, NotAskedReason } from '../domain/grant/ended-grant.js';
import { type Grant, isDead } from '../domain/grant/grant.js';
import type { RevocationRequester } from '../domain/grant/revocation.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { type Begun, DisconnectGrant, type DisconnectMode } from './disconnect-grant.js';

export interface EndedGrant {
  readonly grant: Grant;
  readonly outcome: EndedGrantOutcome;
  readonly reason: NotAskedReason | null;
}

export interface EndedGrants {
  readonly grants: readonly EndedGrant[];
  /** The grants of others that Google ends with these, or will. */
  readonly also: readonly Grant[];
}

/** A grant that is deleted, whose revocation is written down, or that stays. */
interface Started {
  readonly plan: EndedGrant;
  /** Null: there is nothing to ask Google. */
  readonly begun: Begun | null;
}

/** Requests to Google at the same time. */
const CONCURRENCY = 5;
/** How often a grant is read again that changed since. */
const MAX_READS = 3;

/**
 * Ends several grants: those of a user, or the one that an operator names. All revocations are written down before Google is
 * asked for the first, so that an interruption leaves nothing that no replica would resume. Each grant gets its audit event.
 * Does not own which grants (offboard-user.ts) nor how one is ended (disconnect-grant.ts).
 */
@Injectable()
export class EndGrants {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly disconnectGrant: DisconnectGrant,
    private readonly audit: AuditLog,
  ) {}

  /** What `end` would do. */
  async preview(grants: readonly Grant[], mode: DisconnectMode): Promise<EndedGrants> {
    const planned = grants.map((grant) => this.#planOf(grant, mode));
    const asked = planned.filter(({ grant, outcome }) => outcome === 'revoked' && this.#isServed(grant));
    const also = await Promise.all(asked.map(({ grant }) => this.disconnectGrant.siblings(grant)));
    return { grants: planned, also: withoutOwn(also.flat(), grants) };
  }

  async end(grants: readonly Grant[], mode: DisconnectMode, by: RevocationRequester): Promise<EndedGrants> {
    const started: Started[] = [];
    for (const grant of grants) started.push(await this.#start(grant, mode, by));
    const results: EndedGrants[] = [];
    const queue = [...started.entries()];
    const work = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [index, one] = next;
        results[index] = await this.#finish(one);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    await this.audit.flushCommitted(grants.map(({ userId }) => userId));
    const also = results.flatMap((result) => result.also);
    return { grants: results.flatMap((result) => result.grants), also: withoutOwn(also, grants) };
  }

  #planOf(grant: Grant, mode: DisconnectMode): EndedGrant {
    if (mode === 'local') return { grant, outcome: 'deleted', reason: null };
    if (grant.kind === 'service_account') return { grant, outcome: 'deleted', reason: 'service_account' };
    if (isDead(grant)) return { grant, outcome: 'deleted', reason: 'dead' };
    // A revocation that was begun needs no client.
    return grant.status === 'revoking' || this.#isServed(grant)
      ? { grant, outcome: 'revoked', reason: null }
      : { grant, outcome: 'kept', reason: 'client_unknown' };
  }

  #isServed({ client }: Grant): boolean {
    return this.settings.clients.get(client) !== undefined;
  }

  /** What its user consented to since it was read ends as well. */
  async #start(grant: Grant, mode: DisconnectMode, by: RevocationRequester): Promise<Started> {
    let plan = this.#planOf(grant, mode);
    for (let reads = 1; ; reads++) {
      const started = await this.#tryStart(plan, mode, by);
      if (started) return started;
      const changed = await this.grants.findById(grant.id, grant.userId);
      // Another caller disconnected it meanwhile.
      if (!changed) return { plan: { ...plan, outcome: 'deleted' }, begun: null };
      plan = this.#planOf(changed, mode);
      if (reads === MAX_READS) return { plan: { ...plan, outcome: 'kept', reason: null }, begun: null };
    }
  }

  /**
   * One grant that does not open keeps none of the others alive. What is over is recorded before another grant can fail.
   * @returns null where it changed since it was read
   */
  async #tryStart(plan: EndedGrant, mode: DisconnectMode, by: RevocationRequester): Promise<Started | null> {
    const { grant, outcome } = plan;
    if (outcome === 'kept') return { plan, begun: null };
    if (outcome === 'deleted') {
      if (!(await this.grants.delete(grant, false, this.clock.now()))) return null;
      this.#record(grant, mode, by);
      return { plan, begun: null };
    }
    try {
      const begun = await this.disconnectGrant.begin(grant, by);
      // It died a moment ago: no revocation writes its event.
      if (begun?.attempt === null && begun.isFinished) this.#record(grant, mode, by);
      return begun && { plan, begun };
    } catch (error) {
      if (!(error instanceof BrokerError && error.code === 'integrity_failed')) throw error;
      this.#record(grant, mode, by, error.code);
      return { plan: { ...plan, outcome: 'kept', reason: error.code }, begun: null };
    }
  }

  async #finish({ plan, begun }: Started): Promise<EndedGrants> {
    if (begun === null) return { grants: [plan], also: [] };
    const { also, isFinished } = await this.disconnectGrant.finish(begun, null);
    return { grants: [isFinished ? plan : { ...plan, outcome: 'revoking' }], also };
  }

  #record(
    { id: grantId, userId, client }: Grant,
    mode: DisconnectMode,
    { ticket, ...by }: RevocationRequester,
    outcome: 'ok' | 'integrity_failed' = 'ok',
  ): void {
    const common = { at: this.clock.now(), action: 'grant.disconnect', outcome, ...by } as const;
    const details = { mode, ...(ticket === undefined ? {} : { ticket }) };
    this.audit.record({ ...common, userId, client, grantId, details });
  }
}

/** Each once, and none of those that are ended themselves. */
function withoutOwn(also: readonly Grant[], own: readonly Grant[]): Grant[] {
  const seen = new Set(own.map(({ id }) => id));
  return also.filter(({ id }) => {
    const isNew = !seen.has(id);
    seen.add(id);
    return isNew;
  });
}
