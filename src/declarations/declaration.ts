/*
 * What a file declares, and what the broker has, in the same words: services, webhooks, issuers, settings of clients. Owns the
 * fields of each and how two states are compared. Does not own the file's syntax (cli/apply/) nor what may be declared
 * (check-declaration.ts).
 */
import { type PolicyDetails, policyDetails } from '../domain/access/policy.js';
import { brandingDetails } from '../domain/access/service-branding.js';
import type { WorkloadIdentity } from '../domain/access/workload-identity.js';
import { scopeSet } from '../domain/google/scopes.js';
import type { Secret } from '../domain/secret.js';
import type { PresentedKey } from '../services/service-key.js';
import type { StoredDeclaration } from '../token-store/declarations/declarations.repository.js';
import { type DeclaredBranding, declaredBrandingOf } from './declared-branding.js';

export interface DeclaredService extends PolicyDetails {
  /** Null: it has a key. */
  readonly identity: WorkloadIdentity | null;
  readonly branding: DeclaredBranding;
}

export interface DeclaredWebhook {
  readonly url: string;
  readonly events: readonly string[];
  /** By name. */
  readonly services: readonly string[];
  /** Null: as it is; a new one is enabled. */
  readonly enabled: boolean | null;
  /** What the environment holds for it; null: as it is, or a new one is made. */
  readonly secret: Secret | null;
}

export interface DeclaredIssuer {
  readonly audience: string;
  readonly jwksUri: string | null;
}

export interface DeclaredClient {
  readonly testing: boolean;
}

/** A section that is null is not looked at. */
export interface Declaration {
  readonly services: ReadonlyMap<string, DeclaredService> | null;
  readonly webhooks: ReadonlyMap<string, DeclaredWebhook> | null;
  readonly issuers: ReadonlyMap<string, DeclaredIssuer> | null;
  readonly clients: ReadonlyMap<string, DeclaredClient> | null;
}

/** With every section. */
export type WholeDeclaration = { readonly [Part in keyof Declaration]: NonNullable<Declaration[Part]> };

export type DeclaredItem = DeclaredService | DeclaredWebhook | DeclaredIssuer | DeclaredClient;

export type Section = keyof Declaration;

export type FieldValue = string | boolean | readonly string[] | null;
type Fields = Readonly<Record<string, FieldValue>>;

/** What is stored, as a file would declare it. */
export function declarationOf(stored: StoredDeclaration): WholeDeclaration {
  const names = new Map(stored.services.map(({ id, name }) => [id, name]));
  return {
    services: new Map(
      stored.services.map(({ id, name, policy, credential }) => [
        name,
        {
          ...policyDetails(policy),
          identity:
            credential.kind === 'key' ? null : { issuer: credential.issuer, subject: credential.subject },
          branding: declaredBrandingOf(stored.branding.get(id)),
        },
      ]),
    ),
    webhooks: new Map(
      stored.webhooks.map(({ webhook: { name, url, events, services, disabledAt } }) => [
        name,
        {
          url,
          events,
          // One that was revoked stays in the filter by its id: without it, events of all grants would be sent.
          services: services.map((id) => names.get(id) ?? id),
          enabled: disabledAt === null,
          secret: null,
        },
      ]),
    ),
    issuers: stored.settings.issuers,
    clients: stored.settings.clients,
  };
}

/** The fields of an item, by the names that they have in a file. */
export function fieldsOf(item: DeclaredItem): Fields {
  if ('scopes' in item) {
    return {
      clients: item.clients,
      scopes: scopeSet(item.scopes),
      users: item.users,
      allow: item.allow,
      'identity.issuer': item.identity?.issuer ?? null,
      'identity.subject': item.identity?.subject ?? null,
      ...Object.fromEntries(
        Object.entries(brandingDetails(item.branding, item.branding.logo)).map(([name, value]) => [
          `branding.${name}`,
          value,
        ]),
      ),
    };
  }
  if ('events' in item) {
    return { url: item.url, events: item.events, services: item.services, enabled: item.enabled };
  }
  if ('audience' in item) return { audience: item.audience, jwks_uri: item.jwksUri };
  return { testing: item.testing };
}

export interface FieldChange {
  readonly field: string;
  readonly before: FieldValue;
  readonly after: FieldValue;
}

/** Lists are sets: their order says nothing. */
export function fieldChanges(before: Fields | null, after: Fields | null): FieldChange[] {
  const names = Object.keys(after ?? before ?? {});
  return names
    .map((field) => ({ field, before: before?.[field] ?? null, after: after?.[field] ?? null }))
    .filter((change) => comparable(change.before) !== comparable(change.after));
}

function comparable(value: FieldValue): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return 'null';
  return JSON.stringify(Array.isArray(value) ? [...new Set(value as string[])].sort() : value);
}

/** By name: what a new service or webhook gets in the place of one that is made here. */
export interface GivenSecrets {
  readonly serviceKeys: ReadonlyMap<string, PresentedKey>;
  readonly webhookSecrets: ReadonlyMap<string, Secret>;
}

export const NONE_GIVEN: GivenSecrets = { serviceKeys: new Map(), webhookSecrets: new Map() };
