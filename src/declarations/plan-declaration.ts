/*
 * From what is stored and what is declared: what changes, in words and as writes. Owns the order of the two and what a new service or
 * webhook gets; a secret that is made here is given out once. Does not own the checks (check-declaration.ts).
 */
import { randomUUID } from 'node:crypto';
import { policyOf } from '../domain/access/policy.js';
import type { Secret } from '../domain/secret.js';
import { ENABLED, type Webhook, withOrderedFilters } from '../domain/webhook/webhook.js';
import { OVERLAP_SECONDS, rotated } from '../domain/webhook/webhook-secrets.js';
import { generateKey, generateShortId } from '../services/service-key.js';
import type {
  DeclarationWrites,
  StoredDeclaration,
} from '../token-store/declarations/declarations.repository.js';
import { generateWebhookSecret } from '../webhooks/webhook-registry.js';
import {
  type Declaration,
  declarationOf,
  type DeclaredClient,
  type DeclaredIssuer,
  type DeclaredItem,
  type DeclaredService,
  type DeclaredWebhook,
  type FieldChange,
  fieldChanges,
  fieldsOf,
  type GivenSecrets,
  NONE_GIVEN,
  type Section,
} from './declaration.js';
import { storedBrandingOf } from './declared-branding.js';

export interface ItemChange {
  readonly section: Section;
  readonly name: string;
  readonly action: 'create' | 'change' | 'remove';
  readonly fields: readonly FieldChange[];
  /** Whether it gets another secret from the environment; the one before signs as well for a day. */
  readonly rotates?: true;
  /** The id of the service, where there is one. */
  readonly serviceId?: string;
  /** Of a webhook, the ids of the services that its filter names. */
  readonly filterIds?: readonly string[];
}

/** Shown once. */
export interface NewSecret {
  readonly kind: 'service_key' | 'webhook_secret';
  readonly name: string;
  readonly secret: Secret;
}

export interface Plan {
  readonly changes: readonly ItemChange[];
  readonly secrets: readonly NewSecret[];
  readonly writes: DeclarationWrites;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Item[] : T[Key] };

/** @param isPruning whether what a section does not name goes */
export function planDeclaration(
  declared: Declaration,
  stored: StoredDeclaration,
  isPruning: boolean,
  now: Date,
  given: GivenSecrets = NONE_GIVEN,
): Plan {
  const plan = new Planner(stored, now, given);
  const before = declarationOf(stored);
  const compare = <Item extends DeclaredItem>(
    section: Section,
    items: ReadonlyMap<string, Item> | null,
    known: ReadonlyMap<string, DeclaredItem>,
    put: (name: string, item: Item, fields: readonly FieldChange[]) => void,
  ) => {
    if (items === null) return;
    for (const [name, item] of items) {
      const former = known.get(name);
      const fields = fieldChanges(former ? fieldsOf(former) : null, fieldsOf(item)).filter(
        // As it is.
        ({ field, after }) => field !== 'enabled' || after !== null,
      );
      put(name, item, fields);
    }
    if (!isPruning) return;
    for (const [name, item] of known) {
      if (!items.has(name)) plan.remove(section, name, fieldChanges(fieldsOf(item), null));
    }
  };
  compare('issuers', declared.issuers, before.issuers, (name, issuer, fields) => {
    plan.putIssuer(name, issuer, fields);
  });
  compare('clients', declared.clients, before.clients, (name, client, fields) => {
    plan.putClient(name, client, fields);
  });
  compare('services', declared.services, before.services, (name, service, fields) => {
    plan.putService(name, service, fields);
  });
  compare('webhooks', declared.webhooks, before.webhooks, (name, webhook, fields) => {
    plan.putWebhook(name, webhook, fields);
  });
  return plan;
}

class Planner implements Plan {
  readonly changes: ItemChange[] = [];
  readonly secrets: NewSecret[] = [];
  readonly writes: Mutable<DeclarationWrites> = {
    addServices: [],
    changeServices: [],
    revokeServices: [],
    saveBranding: [],
    addWebhooks: [],
    changeWebhooks: [],
    removeWebhooks: [],
    putSettings: [],
    removeSettings: [],
  };
  /** By name, with those that are new. */
  readonly #serviceIds: Map<string, string>;

  constructor(
    private readonly stored: StoredDeclaration,
    private readonly now: Date,
    private readonly given: GivenSecrets,
  ) {
    this.#serviceIds = new Map(stored.services.map(({ id, name }) => [name, id]));
  }

  putIssuer(name: string, content: DeclaredIssuer, fields: readonly FieldChange[]): void {
    const isKnown = this.stored.settings.issuers.has(name);
    if (isKnown && fields.length === 0) return;
    this.writes.putSettings.push({ kind: 'issuer', name, content });
    this.changes.push({ section: 'issuers', name, action: isKnown ? 'change' : 'create', fields });
  }

  putClient(name: string, content: DeclaredClient, fields: readonly FieldChange[]): void {
    const isKnown = this.stored.settings.clients.has(name);
    if (isKnown && fields.length === 0) return;
    this.writes.putSettings.push({ kind: 'client', name, content });
    this.changes.push({ section: 'clients', name, action: isKnown ? 'change' : 'create', fields });
  }

  remove(section: Section, name: string, fields: readonly FieldChange[]): void {
    const serviceId = section === 'services' ? this.#serviceIds.get(name) : undefined;
    if (serviceId !== undefined) this.writes.revokeServices.push(serviceId);
    if (section === 'webhooks') this.writes.removeWebhooks.push(this.#webhookOf(name)?.webhook.id ?? '');
    if (section === 'issuers') this.writes.removeSettings.push({ kind: 'issuer', name });
    if (section === 'clients') this.writes.removeSettings.push({ kind: 'client', name });
    const id = serviceId === undefined ? {} : { serviceId };
    this.changes.push({ section, name, action: 'remove', fields, ...id });
  }

  putService(name: string, declared: DeclaredService, fields: readonly FieldChange[]): void {
    const { identity } = declared;
    const known = this.stored.services.find((each) => each.name === name);
    if (known && fields.length === 0) return;
    const given = known || identity ? undefined : this.given.serviceKeys.get(name);
    const key = known || identity || given ? null : generateKey();
    const id = known?.id ?? given?.id ?? key?.id ?? generateShortId();
    const policy = policyOf(declared);
    if (known) {
      const credential = identity ? { kind: 'identity' as const, ...identity } : known.credential;
      if (fields.some(({ field }) => !field.startsWith('branding.'))) {
        this.writes.changeServices.push({ id, policy, credential });
      }
    } else {
      const credential = identity
        ? { kind: 'identity' as const, ...identity }
        : { kind: 'key' as const, keyHash: given?.hash ?? key?.hash ?? new Uint8Array() };
      this.writes.addServices.push({ id, name, credential, policy, createdAt: this.now });
      if (key) this.secrets.push({ kind: 'service_key', name, secret: key.key });
      this.#serviceIds.set(name, id);
    }
    if (fields.some(({ field }) => field.startsWith('branding.'))) {
      this.writes.saveBranding.push({ serviceId: id, ...storedBrandingOf(declared.branding) });
    }
    const action = known ? 'change' : 'create';
    this.changes.push({ section: 'services', name, action, fields, serviceId: id });
  }

  putWebhook(name: string, declared: DeclaredWebhook, fields: readonly FieldChange[]): void {
    const { enabled, secret } = declared;
    const spec = withOrderedFilters({
      name,
      url: declared.url,
      events: declared.events,
      services: declared.services.map((service) => this.#serviceIds.get(service) ?? service),
    });
    const filter = { filterIds: spec.services };
    const known = this.#webhookOf(name);
    if (!known?.secrets) {
      const given = secret ?? this.given.webhookSecrets.get(name);
      const current = given ?? generateWebhookSecret();
      if (!given) this.secrets.push({ kind: 'webhook_secret', name, secret: current });
      const webhook: Webhook = {
        id: randomUUID(),
        ...spec,
        createdAt: this.now,
        ...(enabled === false ? this.#disabled() : ENABLED),
      };
      this.writes.addWebhooks.push({ webhook, secrets: { current, former: [] } });
      this.changes.push({ section: 'webhooks', name, action: 'create', fields, ...filter });
      return;
    }
    const { webhook: before, secrets } = known;
    const rotates = secret !== null && secret.reveal() !== secrets.current.reveal();
    if (fields.length === 0 && !rotates) return;
    const isSwitched = enabled !== null && enabled !== (before.disabledAt === null);
    const after: Webhook = {
      ...before,
      ...spec,
      ...(isSwitched ? (enabled ? ENABLED : this.#disabled()) : {}),
    };
    const next = rotates ? rotated(secrets, secret, OVERLAP_SECONDS * 1000, this.now) : secrets;
    this.writes.changeWebhooks.push({ before, after, secrets: next });
    const note = rotates ? { rotates: true as const } : {};
    this.changes.push({ section: 'webhooks', name, action: 'change', fields, ...filter, ...note });
  }

  #webhookOf(name: string) {
    return this.stored.webhooks.find(({ webhook }) => webhook.name === name);
  }

  #disabled() {
    return { disabledAt: this.now, disabledReason: 'operator' as const };
  }
}
