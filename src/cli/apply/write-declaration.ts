/** A file of what the broker has, as `apply` reads it. Owns the order and what is left out: keys of services and secrets that sign. */
import { Document } from 'yaml';
import {
  type DeclaredService,
  type DeclaredWebhook,
  type WholeDeclaration,
} from '../../declarations/declaration.js';
import type { DeclaredBranding } from '../../declarations/declared-branding.js';
import { brandingDetails } from '../../domain/access/service-branding.js';

const HEADER = ` What the broker has, for \`token-broker apply\`. It holds no key of a service and no secret that signs
 webhooks: those stay as they are. It does hold the addresses of webhooks in full: where a path has a token, keep this
 file as a secret. Sections and items that a file leaves out are left alone.`;

/** The file, and the same as plain values for --json. */
export function writeDeclaration(declaration: WholeDeclaration): {
  readonly yaml: string;
  readonly json: object;
} {
  const json = {
    ...section('services', declaration.services, writeService),
    ...section('webhooks', declaration.webhooks, writeWebhook),
    ...section('issuers', declaration.issuers, ({ audience, jwksUri }) => ({
      audience,
      ...(jwksUri === null ? {} : { jwks_uri: jwksUri }),
    })),
    ...section('clients', declaration.clients, ({ testing }) => ({ testing })),
  };
  const document = new Document(json);
  document.commentBefore = HEADER;
  // Lines are not folded: a long text stays one that can be searched for.
  return { yaml: document.toString({ lineWidth: 0, singleQuote: true }).trimEnd(), json };
}

function section<Item>(
  name: string,
  items: ReadonlyMap<string, Item>,
  write: (item: Item) => object,
): object {
  const sorted = [...items].sort(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length === 0) return {};
  return { [name]: Object.fromEntries(sorted.map(([each, item]) => [each, write(item)])) };
}

function writeService({ clients, scopes, users, allow, identity, branding }: DeclaredService): object {
  const shown = writeBranding(branding);
  return {
    clients,
    scopes,
    users,
    ...(allow.length > 0 ? { allow } : {}),
    ...(identity ? { identity } : {}),
    ...(Object.keys(shown).length > 0 ? { branding: shown } : {}),
  };
}

function writeBranding(branding: DeclaredBranding): object {
  const all = brandingDetails(branding, branding.logo);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

function writeWebhook({ url, events, services, enabled }: DeclaredWebhook): object {
  return {
    url,
    ...(events.length > 0 ? { events } : {}),
    ...(services.length > 0 ? { services } : {}),
    ...(enabled === false ? { enabled } : {}),
  };
}
