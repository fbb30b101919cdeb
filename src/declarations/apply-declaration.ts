import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { auditedLogo } from '../domain/access/service-branding.js';
import type { AuditAction, AuditDetail } from '../domain/audit-entry.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { DeclarationsRepository } from '../token-store/declarations/declarations.repository.js';
import { shownAddress } from '../domain/webhook/webhook.js';
import { DeclarationFaulty, faultsOf } from './check-declaration.js';
import {
  type Declaration,
  declarationOf,
  type FieldValue,
  type GivenSecrets,
  type WholeDeclaration,
} from './declaration.js';
import { readLogo } from './declared-branding.js';
import { type ItemChange, type NewSecret, planDeclaration } from './plan-declaration.js';

export interface Applied {
  readonly changes: readonly ItemChange[];
  /** Of new services and webhooks, this once; none where nothing was written. */
  readonly secrets: readonly NewSecret[];
}

export interface ApplyOptions {
  readonly isDryRun: boolean;
  readonly isPruning: boolean;
  readonly given?: GivenSecrets | undefined;
  /** Keeps the new secrets: where it throws nothing is changed. Called again where the transaction is repeated. */
  readonly beforeCommit?: ((secrets: readonly NewSecret[]) => void) | undefined;
}

/**
 * Makes the broker be as a file declares it: checked, compared and written in one transaction, then audited, item by item. And the
 * other way round: what a file would declare. Does not own the file (cli/apply/).
 */
@Injectable()
export class ApplyDeclaration {
  constructor(
    private readonly declarations: DeclarationsRepository,
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {DeclarationFaulty} with every fault */
  async apply(
    declared: Declaration,
    { isDryRun, isPruning, given, beforeCommit }: ApplyOptions,
  ): Promise<Applied> {
    const now = this.clock.now();
    const options = {
      clients: this.settings.clients.all().map(({ alias }) => alias),
      issuers: this.settings.serviceIssuers,
    };
    const { changes, secrets } = await this.declarations.change(
      (stored) => {
        const faults = faultsOf(declared, stored, options, isPruning);
        if (faults.length > 0) throw new DeclarationFaulty(faults);
        const plan = planDeclaration(declared, stored, isPruning, now, given);
        const writes = isDryRun || plan.changes.length === 0 ? null : plan.writes;
        return { changes: plan.changes, secrets: plan.secrets, writes };
      },
      now,
      (plan) => beforeCommit?.(plan.secrets),
    );
    if (isDryRun) return { changes, secrets: [] };
    for (const change of changes) this.#record(change);
    await this.audit.flushCommitted([null]);
    return { changes, secrets };
  }

  /** What is stored now. */
  async export(): Promise<WholeDeclaration> {
    const { declaration } = await this.declarations.change(
      (stored) => ({ declaration: declarationOf(stored), writes: null }),
      this.clock.now(),
    );
    return declaration;
  }

  #record(change: ItemChange): void {
    const { section, name, action, rotates, serviceId } = change;
    const subject = { services: 'name', webhooks: 'webhook', issuers: 'issuer', clients: 'client' }[section];
    const more = rotates ? { rotated: true } : {};
    this.audit.record({
      at: this.clock.now(),
      outcome: 'ok',
      actor: 'operator',
      serviceId: serviceId ?? null,
      action: ACTIONS[section][action],
      details: { [subject]: name, declared: true, ...detailsOf(change), ...more },
    });
  }
}

/** An empty list says as much of a new item as its other fields: no change of a field shows it. */
const EMPTY: Readonly<Record<ItemChange['section'], Readonly<Record<string, readonly string[]>>>> = {
  services: { allow: [] },
  webhooks: { events: [], services: [] },
  issuers: {},
  clients: {},
};

function detailsOf({ section, action, fields, filterIds }: ItemChange): Record<string, AuditDetail> {
  if (action === 'remove') return {};
  const changed = fields.map(({ field, after }): [string, AuditDetail] => [
    field.replace(/^.*\./, ''),
    // A name can be given to another service later.
    field === 'services' && filterIds ? filterIds : detailOf(field, after),
  ]);
  return { ...(action === 'create' ? EMPTY[section] : {}), ...Object.fromEntries(changed) };
}

const SETTING_ACTIONS = {
  create: 'setting.apply',
  change: 'setting.apply',
  remove: 'setting.remove',
} as const;

const ACTIONS: Readonly<Record<ItemChange['section'], Readonly<Record<ItemChange['action'], AuditAction>>>> =
  {
    services: { create: 'service.create', change: 'service.update', remove: 'service.revoke' },
    webhooks: { create: 'webhook.create', change: 'webhook.update', remove: 'webhook.delete' },
    issuers: SETTING_ACTIONS,
    clients: SETTING_ACTIONS,
  };

/** Of an image its hash, by which the broker serves it. */
function detailOf(field: string, value: FieldValue): AuditDetail {
  if (typeof value !== 'string') return value;
  if (field === 'url') return shownAddress({ url: value });
  if (field !== 'branding.logo') return value;
  return auditedLogo(readLogo(value).logo);
}
