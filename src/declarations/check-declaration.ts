/*
 * What may be declared: the rules of services, branding, webhooks and issuers, and that what is named is there. Owns no rule itself but
 * these; every fault is found, each with its place. Does not own the syntax of the file (cli/apply/).
 */
import { brandingErrors } from '../domain/access/service-branding.js';
import {
  isTrustDomain,
  type ServiceIssuer,
  trustDomainNamed,
  type WorkloadIdentity,
} from '../domain/access/workload-identity.js';
import { isDisplayText } from '../domain/text.js';
import { isIssuerAddress, isSafeAddress } from '../config/service-issuers.js';
import { isWebhookSecret, webhookErrors, WEBHOOK_SECRET_RULE } from '../domain/webhook/webhook.js';
import { identityErrors, serviceErrors } from '../services/service-registry.js';
import type { StoredDeclaration } from '../token-store/declarations/declarations.repository.js';
import type { Declaration, DeclaredService, DeclaredWebhook } from './declaration.js';
import { storedBrandingOf } from './declared-branding.js';

const MAX_AUDIENCE = 2000;

/** What is wrong, and where: the section, the item, the field. */
export interface DeclarationFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Several faults in what is declared; nothing was changed. */
export class DeclarationFaulty extends Error {
  override readonly name = 'DeclarationFaulty';

  constructor(readonly faults: readonly DeclarationFault[]) {
    super('What is declared has faults.');
  }
}

export interface CheckOptions {
  readonly clients: readonly string[];
  /** Of SERVICE_ISSUERS_FILE. */
  readonly issuers: readonly ServiceIssuer[];
}

/** @param isPruning whether what the file does not name goes */
export function faultsOf(
  declaration: Declaration,
  stored: StoredDeclaration,
  { clients, issuers }: CheckOptions,
  isPruning: boolean,
): DeclarationFault[] {
  const { services, webhooks } = declaration;
  const stayingIssuers = isPruning && declaration.issuers ? [] : [...stored.settings.issuers.keys()];
  const trusted = [
    ...issuers,
    ...[...stayingIssuers, ...(declaration.issuers?.keys() ?? [])].map((name) => ({ name })),
  ];
  const goes = isPruning && services !== null;
  const known = [...(services?.keys() ?? []), ...(goes ? [] : stored.services.map(({ name }) => name))];
  const staying = goes ? [] : stored.services.filter(({ name }) => services?.has(name) !== true);
  const holders: Holder[] = [
    ...[...(services ?? [])].map(([name, { identity }]) => ({ name, identity })),
    ...staying.map(({ name, credential }) => ({
      name,
      identity: credential.kind === 'identity' ? credential : null,
    })),
  ];
  return [
    ...[...(services ?? [])].flatMap(([name, service]) =>
      at(['services', name], serviceFaults(name, service, { clients, trusted, stored, holders })),
    ),
    ...[...(webhooks ?? [])].flatMap(([name, webhook]) =>
      at(['webhooks', name], webhookFaults(name, webhook, known, stored)),
    ),
    ...[...(declaration.issuers ?? [])].flatMap(([name, { audience, jwksUri }]) =>
      at(['issuers', name], issuerFaults(name, audience, jwksUri, issuers)),
    ),
    ...[...(declaration.clients?.keys() ?? [])].flatMap((alias) =>
      clients.includes(alias) ? [] : at(['clients', alias], { '': notServed(alias, clients) }),
    ),
  ];
}

interface Holder {
  readonly name: string;
  readonly identity: WorkloadIdentity | null;
}

type Errors = Readonly<Record<string, string>>;

/** @param errors by field, with dots; an empty one is about the item */
function at(path: readonly string[], errors: Errors): DeclarationFault[] {
  return Object.entries(errors).map(([field, message]) => ({
    path: [...path, ...(field === '' ? [] : field.split('.'))],
    message,
  }));
}

function serviceFaults(
  name: string,
  service: DeclaredService,
  known: {
    readonly clients: readonly string[];
    readonly trusted: readonly Pick<ServiceIssuer, 'name'>[];
    readonly stored: StoredDeclaration;
    /** All that there will be. */
    readonly holders: readonly Holder[];
  },
): Errors {
  const { name: itself, ...errors } = serviceErrors(name, service);
  const taken = known.stored.taken.get(name);
  const before = known.stored.services.find((each) => each.name === name);
  const unserved = service.clients.filter((alias) => alias !== '*' && !known.clients.includes(alias));
  const holder = known.holders.find(
    (each) =>
      each.name !== name &&
      each.identity?.issuer === service.identity?.issuer &&
      each.identity?.subject === service.identity?.subject &&
      service.identity !== null,
  );
  const changesKind = before && (before.credential.kind === 'key') !== (service.identity === null);
  return {
    ...(itself === undefined ? {} : { '': `The name ${itself}` }),
    ...(taken === 'revoked' ? { '': 'was revoked, and its name stays taken. Choose another name.' } : {}),
    ...(taken === 'unverified'
      ? { '': 'was changed outside the broker. See `token-broker service list`.' }
      : {}),
    ...(known.stored.services.some(({ id }) => id === name) ? { '': 'is the id of another service.' } : {}),
    ...errors,
    ...(unserved.length > 0 ? { clients: notServed(unserved.join(', '), known.clients) } : {}),
    ...(service.identity ? prefixed('identity', identityErrors(service.identity, known.trusted)) : {}),
    ...(holder ? { identity: `The service ${holder.name} has this identity, too.` } : {}),
    ...(changesKind ? { identity: CHANGES_KIND } : {}),
    ...prefixed('branding', brandingErrors(storedBrandingOf(service.branding).branding)),
  };
}

const CHANGES_KIND =
  'A key cannot become an identity, nor an identity a key: revoke the service, and declare one of another name.';

function notServed(alias: string, clients: readonly string[]): string {
  return `The broker serves no client called ${alias}. It serves ${clients.join(', ')}.`;
}

function prefixed(prefix: string, errors: Errors): Errors {
  return Object.fromEntries(Object.entries(errors).map(([field, text]) => [`${prefix}.${field}`, text]));
}

function webhookFaults(
  name: string,
  { url, events, services, secret }: DeclaredWebhook,
  known: readonly string[],
  stored: StoredDeclaration,
): Errors {
  const { name: itself, ...errors } = webhookErrors({ name, url, events, services: [] });
  const before = stored.webhooks.find(({ webhook }) => webhook.name === name);
  // A revoked service may stay in a filter, by its id.
  const unknown = services.filter(
    (each) => !known.includes(each) && !before?.webhook.services.includes(each),
  );
  return {
    ...(itself === undefined ? {} : { '': `The name ${itself}` }),
    ...(before?.secrets === null
      ? { '': 'was changed outside the broker. Delete it with `token-broker webhook delete`.' }
      : {}),
    ...errors,
    ...(unknown.length > 0 ? { services: `There is no service ${unknown.join(', ')}.` } : {}),
    ...(secret !== null && !isWebhookSecret(secret.reveal())
      ? { secret_env: `The secret in this variable ${WEBHOOK_SECRET_RULE}` }
      : {}),
  };
}

function issuerFaults(
  name: string,
  audience: string,
  jwksUri: string | null,
  own: readonly ServiceIssuer[],
): Errors {
  const domain = trustDomainNamed(name);
  const isName = domain === null ? isIssuerAddress(name) : isTrustDomain(domain);
  return {
    ...(isName ? {} : { '': 'must be an https URL, or spiffe:// and a trust domain.' }),
    ...(own.some((each) => each.name === name)
      ? { '': 'is in SERVICE_ISSUERS_FILE already: keep one.' }
      : {}),
    ...(isDisplayText(audience, MAX_AUDIENCE)
      ? {}
      : {
          audience: 'must be the aud claim of its tokens, such as PUBLIC_URL, without invisible characters.',
        }),
    ...(jwksUri !== null && !isSafeAddress(jwksUri)
      ? { jwks_uri: 'must be an https URL without user name and fragment.' }
      : {}),
    ...(domain !== null && jwksUri === null
      ? { jwks_uri: 'is needed: a trust domain has no discovery.' }
      : {}),
  };
}
