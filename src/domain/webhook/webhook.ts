/*
 * A webhook: an address of an app that gets events, which of them, and the key that signs them. Owns which names, addresses,
 * filters and secrets are accepted. Does not own delivery (webhooks/) nor how the secret is stored (token-store/outbox/).
 */

import { isDisplayText, NAME, NAME_RULE } from '../text.js';

/** The events that are stored for webhooks. */
const EVENT_TYPES = [
  'grant.connected',
  'grant.imported',
  'grant.scopes_changed',
  'grant.expiring',
  'grant.reconnect_required',
  'grant.disconnected',
  'slots.nearly_full',
  'slots.account_nearly_full',
] as const;

/** `webhook.test` is sent by an operator, and never stored. */
export type EventType = (typeof EVENT_TYPES)[number] | 'webhook.test';

/** Of a stored event. `waiting`: due, or due again after a failure. `abandoned`: the broker stopped trying. */
export const EVENT_STATES = ['waiting', 'delivered', 'abandoned'] as const;

export type EventState = (typeof EVENT_STATES)[number];

/** `failing`: it accepted nothing for days. */
export type DisabledReason = 'operator' | 'failing';

export interface WebhookSpec {
  readonly name: string;
  readonly url: string;
  /** Types of events; none: all of them. */
  readonly events: readonly string[];
  /** Ids of services: only events of grants that one of them may see. None: those of all grants. */
  readonly services: readonly string[];
}

export interface Webhook extends WebhookSpec {
  readonly id: string;
  readonly createdAt: Date;
  /** Null: enabled. */
  readonly disabledAt: Date | null;
  readonly disabledReason: DisabledReason | null;
}

export const ENABLED = { disabledAt: null, disabledReason: null } as const;

/** Its filters are sets: without repetitions, and in one order. */
export function withOrderedFilters({ name, url, events, services }: WebhookSpec): WebhookSpec {
  return { name, url, events: [...new Set(events)].sort(), services: [...new Set(services)].sort() };
}

/** As Standard Webhooks write it. */
const SECRET = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
const MAX_URL = 2000;

export const WEBHOOK_SECRET_RULE = 'must be whsec_ and 24 to 64 bytes in base64.';

export function isWebhookSecret(text: string): boolean {
  const [, base64 = ''] = SECRET.exec(text) ?? [];
  const bytes = (base64.length / 4) * 3 - (base64.length - base64.replaceAll('=', '').length);
  return bytes >= MIN_SECRET_BYTES && bytes <= MAX_SECRET_BYTES;
}

/** What is wrong, by field. Whether the services exist is another question. */
export function webhookErrors({ name, url, events }: WebhookSpec): Record<string, string> {
  const errors: Record<string, string> = {};
  if (!NAME.test(name)) errors['name'] = NAME_RULE;
  if (!isAddress(url)) errors['url'] = 'must be an http or https URL without a user name.';
  const unknown = events.filter((type) => !EVENT_TYPES.some((known) => known === type));
  if (unknown.length > 0) {
    errors['events'] = `must be of ${EVENT_TYPES.join(', ')}.`;
  }
  return errors;
}

export function takesType({ events }: WebhookSpec, type: EventType): boolean {
  return events.length === 0 || events.includes(type);
}

/**
 * What the audit trail, the console and lists of changes show of its address: the origin, since its path can hold a token.
 * @returns null for what is no URL
 */
export function shownAddress({ url }: Pick<WebhookSpec, 'url'>): string | null {
  return URL.canParse(url) ? new URL(url).origin : null;
}

/** http as well: receivers within a cluster often have no certificate, and events hold no token. */
function isAddress(url: string): boolean {
  // It is shown to who reviews it: no character may hide another.
  if (!isDisplayText(url, MAX_URL) || /[\s#]/.test(url) || !URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}
