import { EXPIRY_REASONS } from '../domain/grant/expiry-forecast.js';
import { CONFIDENCES, GRANT_ACTORS, STORED_STATUSES } from '../domain/grant/grant.js';
import type { EventType } from '../domain/webhook/webhook.js';
import { MAX_SIGNATURES } from '../domain/webhook/webhook-secrets.js';
import type { DescribedWebhooks } from '../http/openapi-document.js';
import { SLOTS_SCHEMA } from '../http/problem/problem-schema.js';

type EventMembers = Readonly<Record<string, object>>;

interface EventKind {
  readonly summary: string;
  readonly status: string;
  /** What `data` has in addition to what every event of a grant has, each with an example. */
  readonly more?: EventMembers;
  /** Whether it is about no grant. */
  readonly isGeneral?: true;
}

const text = { type: 'string' };

const DIAGNOSIS = {
  cause: { ...text, example: 'user_revoked' },
  confidence: { ...text, enum: CONFIDENCES, example: 'inferred' },
  who_must_act: { ...text, enum: GRANT_ACTORS, example: 'user' },
  detail: { ...text, example: 'The user must connect again.' },
};

/**
 * Owns how the payloads of webhooks are described in the OpenAPI document, one for each type of event. Does not own the
 * events (domain/webhook/, token-store/outbox/outbox.ts) nor their delivery. test/webhooks/webhooks.test.ts holds what is sent against this.
 */
const EVENTS: Readonly<Record<EventType, EventKind>> = {
  'grant.connected': {
    summary: 'A user connected an account, or connected it again after the grant was dead',
    status: 'active',
  },
  'grant.imported': {
    summary: 'A grant of another system was imported',
    status: 'active',
    more: {
      replaced: {
        type: 'boolean',
        description: 'Whether its token took the place of the one that an active grant had',
        example: false,
      },
    },
  },
  'grant.scopes_changed': {
    summary: "The user allowed more, or Google's answer showed that it is less now",
    status: 'active',
  },
  'grant.expiring': {
    summary: 'The grant will end at a known time if it is left as it is',
    status: 'active',
    more: {
      expires: {
        type: 'object',
        required: ['at', 'reason'],
        properties: {
          at: { ...text, format: 'date-time' },
          reason: { ...text, enum: EXPIRY_REASONS },
        },
        example: { at: '2026-11-29T11:58:00.000Z', reason: 'testing_mode' },
      },
    },
  },
  'grant.reconnect_required': {
    summary: 'No tokens come from this grant any more; the cause is that of its diagnosis',
    status: 'reconnect_required',
    more: DIAGNOSIS,
  },
  'grant.disconnected': {
    summary: 'A service disconnected the grant, or Google deleted the account',
    status: 'revoked',
    more: {
      revoked_at_google: {
        type: 'boolean',
        description: 'Whether it was ended there as well',
        example: true,
      },
    },
  },
  'slots.nearly_full': {
    summary:
      'The account has nine tenths or more of the refresh tokens that Google allows it for this client',
    status: 'active',
    more: {
      slots: { ...SLOTS_SCHEMA, example: { limit: 100, used: 90, free: 10 } },
    },
  },
  'slots.account_nearly_full': {
    summary:
      'The account has nine tenths or more of ACCOUNT_SLOT_LIMIT refresh tokens across all clients; the limit of Google is not published',
    status: 'active',
    more: {
      slots: {
        type: 'object',
        required: ['limit', 'used'],
        properties: { limit: { type: 'integer' }, used: { type: 'integer' } },
        example: { limit: 200, used: 180 },
      },
    },
  },
  'webhook.test': {
    summary: 'An operator tests whether webhooks arrive. It is sent once; accept it, and do nothing',
    status: 'active',
    isGeneral: true,
    more: {
      sent_by: { ...text, description: 'Always `operator`', example: 'operator' },
    },
  },
};

/** What the grant is at that moment. */
const DATA: EventMembers = {
  grant_id: { ...text, format: 'uuid', example: 'dc85a7c8-5388-48bf-9945-9b4cdc9fa43e' },
  user_id: { ...text, example: 'alice' },
  client: { ...text, example: 'default' },
  account: {
    $ref: '#/components/schemas/AccountResponse',
  },
  status: { ...text, enum: STORED_STATUSES },
  scope: { ...text, example: 'https://www.googleapis.com/auth/yt-analytics.readonly openid' },
};

const HEADERS = [
  { name: 'webhook-id', description: 'Stays the same over all attempts' },
  { name: 'webhook-timestamp', description: 'When this attempt was sent, in seconds since 1970' },
  {
    name: 'webhook-signature',
    description: `\`v1,\` and the base64 of HMAC-SHA256 over id, timestamp and body, joined by dots. Separated by spaces, one for each secret that is valid now, the newest first: up to ${MAX_SIGNATURES} while secrets are being replaced. One that matches is enough`,
  },
].map(({ name, description }) => ({
  name,
  in: 'header' as const,
  required: true,
  description,
  schema: text,
}));

const types = Object.keys(EVENTS) as EventType[];

export const WEBHOOKS: DescribedWebhooks = {
  webhooks: Object.fromEntries(types.map((type) => [type, { post: operationOf(type) }])),
  schemas: Object.fromEntries(types.map((type) => [schemaNameOf(type), schemaOf(type)])),
};

function operationOf(type: EventType) {
  const { summary } = EVENTS[type];
  return {
    operationId: `on${pascalCase(type)}`,
    summary,
    tags: ['webhooks'],
    security: [],
    parameters: HEADERS,
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { $ref: `#/components/schemas/${schemaNameOf(type)}` },
          example: exampleOf(type),
        },
      },
    },
    responses: {
      '2XX': { description: 'Delivered' },
      '410': { description: 'This event is abandoned at once; after any other answer it is sent again' },
    },
  };
}

function schemaOf(type: EventType) {
  const { summary, more = {}, isGeneral } = EVENTS[type];
  const always = isGeneral ? {} : DATA;
  return {
    type: 'object',
    description: summary,
    required: ['type', 'timestamp', 'data'],
    properties: {
      type: { ...text, enum: [type] },
      timestamp: { ...text, format: 'date-time', description: 'When it happened' },
      data: {
        type: 'object',
        required: [...Object.keys(always), ...Object.keys(more)],
        // A grant that was dead before keeps its diagnosis.
        properties: { ...always, ...(isGeneral ? {} : DIAGNOSIS), ...more },
      },
    },
  };
}

function exampleOf(type: EventType) {
  const { status, more = {}, isGeneral } = EVENTS[type];
  const members = Object.entries({ ...(isGeneral ? {} : DATA), ...more }).map(([name, schema]) => [
    name,
    (schema as { example?: unknown }).example,
  ]);
  const account = { sub: '103400000000000000001', email: 'alice@example.com' };
  return {
    type,
    timestamp: '2026-11-22T12:00:00.000Z',
    data: { ...(Object.fromEntries(members) as object), ...(isGeneral ? {} : { account, status }) },
  };
}

function schemaNameOf(type: EventType): string {
  return `${pascalCase(type)}Event`;
}

/** `grant.scopes_changed` becomes `GrantScopesChanged`. */
function pascalCase(type: EventType): string {
  return type.replaceAll(/(?:^|[._])(\w)/g, (_, letter: string) => letter.toUpperCase());
}
