import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { type Expiry, forecast } from '../domain/grant/expiry-forecast.js';
import { type Grant, isAgeKnown } from '../domain/grant/grant.js';
import { type LiveRefreshToken, oldestFirst, type Slots, slotsOf } from '../domain/grant/slots.js';
import { Clock } from '../domain/ports/clock.js';
import {
  type AuditEvent,
  AuditEventsRepository,
  type AuditPosition,
} from '../token-store/audit/audit-events.repository.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { DeclaredSettingsRepository } from '../token-store/declarations/declared-settings.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';

export interface GrantHistory {
  /** Null where it was disconnected: then its events are what is left. */
  readonly grant: Grant | null;
  /** When it ends if it is left as it is; null where nothing is known to end it. */
  readonly expiry: Expiry | null;
  /** The refresh-token slots of its account with its client, the first one evicted first; null without a slot. */
  readonly slots: (Slots & { readonly tokens: readonly LiveRefreshToken[] }) | null;
  /** What happened, the oldest first. */
  readonly events: readonly TimelineEvent[];
  /** Where older events begin; null where these are all that is kept. */
  readonly olderThan: AuditPosition | null;
}

/**
 * One step in the life of a grant. `created`, `consented`, `imported` and `refreshed` are what its row says, where the trail
 * has no event of it any more; `audit` is an event of the trail.
 */
export type TimelineEvent =
  | { readonly at: Date; readonly kind: 'created' | 'consented' | 'imported' | 'refreshed' }
  | { readonly at: Date; readonly kind: 'audit'; readonly event: AuditEvent };

/**
 * A grant as an operator sees it: what it is, when it ends, its slots, and what happened to it. Tokens that were issued and
 * refreshes that went well are left out except for the last one: there are too many.
 * Does not own who may see it, nor how it is shown.
 */
@Injectable()
export class GrantTimeline {
  constructor(
    private readonly settings: Settings,
    private readonly declared: DeclaredSettingsRepository,
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly ledger: SlotLedgerRepository,
    private readonly audit: AuditLog,
    private readonly trail: AuditEventsRepository,
  ) {}

  /** @returns null where there is no such grant, and no event of one */
  async of(id: string, olderThan: AuditPosition | null, limit: number): Promise<GrantHistory | null> {
    const grant = await this.grants.findById(id);
    // Events are written behind. Those of other users may wait for a server that is away.
    await this.audit.flush(grant && [grant.userId]);
    const [testing, found] = await Promise.all([
      this.declared.testingClients(),
      this.trail.ofGrant(id, olderThan, limit + 1),
    ]);
    if (!grant && found.length === 0) return null;
    const shown = found.slice(0, limit);
    const last = found.length > limit ? shown.at(-1) : undefined;
    const fromTrail = shown.map((event): TimelineEvent => ({ at: event.at, kind: 'audit', event }));
    const fromRow = grant && olderThan === null ? stepsOf(grant, shown) : [];
    return {
      grant,
      expiry: grant && forecast(grant, testing.includes(grant.client)),
      slots: grant?.kind === 'user' ? await this.#slotsOf(grant) : null,
      events: [...fromRow, ...fromTrail].sort((a, b) => a.at.getTime() - b.at.getTime()),
      olderThan: last ? { at: last.at, sequence: last.sequence } : null,
    };
  }

  async #slotsOf(grant: Grant) {
    const { live } = await this.ledger.ofGrant(grant, this.clock.now());
    return { ...slotsOf(live, this.settings.slotLimit), tokens: oldestFirst(live) };
  }
}

/** The audit event of a consent is written a moment after it. */
const SAME_MS = 60_000;
const CONSENTS = ['connect.consent', 'connect.completion', 'grant.import', 'service_account.add'];

function stepsOf(grant: Grant, trail: readonly AuditEvent[]): TimelineEvent[] {
  const { createdAt, consentedAt, importedAt, refreshedAt } = grant;
  const consents = trail.filter(({ action }) => CONSENTS.includes(action));
  const isKnown = (at: Date) =>
    consents.some((event) => Math.abs(event.at.getTime() - at.getTime()) < SAME_MS);
  const step = (kind: 'created' | 'consented' | 'imported', at: Date) => (isKnown(at) ? [] : [{ at, kind }]);
  const isSame = consentedAt.getTime() - createdAt.getTime() < SAME_MS;
  return [
    ...(isSame && isAgeKnown(grant) ? [] : step('created', createdAt)),
    // An import writes the time of its refresh as that of the consent.
    ...(isAgeKnown(grant) ? step('consented', consentedAt) : []),
    ...(importedAt ? step('imported', importedAt) : []),
    ...(refreshedAt && refreshedAt.getTime() - consentedAt.getTime() > SAME_MS
      ? [{ at: refreshedAt, kind: 'refreshed' } as const]
      : []),
  ];
}
