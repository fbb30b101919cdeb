/** Metrics of grants, of how they come and end, and of what is sent about them. */
import { CONNECT_CAUSES } from '../connect/connect-cause.js';
import { CONNECT_ENDS } from '../connect/connect-end.js';
import { DEAD_GRANTS } from '../google/dead-grants.js';
import { SECURITY_EVENT_NAMES } from '../google/security-event.js';
import { GRANT_ACTORS, STORED_STATUSES } from '../grant/grant.js';
import { counter, gauge, histogram, sharedGauge } from './definition.js';

const CLIENT = 'aliases of Google clients';

export const GRANTS = sharedGauge({
  name: 'token_broker_grants',
  help: 'Grants, as counted last.',
  unit: 'grants',
  labels: { client: CLIENT, status: STORED_STATUSES },
  see: 'grants.md',
});

export const GRANTS_EXPIRING = sharedGauge({
  name: 'token_broker_grants_expiring',
  help: 'Grants that expire within so many days, as counted last.',
  unit: 'grants',
  labels: { client: CLIENT, days: ['3', '7', '30'] },
  see: 'grants.md',
});

export const GRANTS_DEAD = sharedGauge({
  name: 'token_broker_grants_dead',
  help: 'Grants that are suspended or must be connected again, by why and by who must act, as counted last.',
  unit: 'grants',
  labels: {
    cause: [...(Object.keys(DEAD_GRANTS) as (keyof typeof DEAD_GRANTS)[]), 'other'],
    who_must_act: [...GRANT_ACTORS, 'other'],
  },
  see: 'grants.md',
});

export const ACCOUNTS_NEARLY_FULL = sharedGauge({
  name: 'token_broker_accounts_nearly_full',
  help: 'Accounts with nine tenths or more of their refresh-token slots taken at a client, as counted last.',
  unit: 'accounts',
  labels: { client: CLIENT },
  see: 'grants.md#slots',
});

export const ACCOUNTS_NEARLY_FULL_ACROSS_CLIENTS = sharedGauge({
  name: 'token_broker_accounts_nearly_full_across_clients',
  help: 'Accounts with nine tenths or more of ACCOUNT_SLOT_LIMIT refresh tokens across all clients, as counted last.',
  unit: 'accounts',
  labels: {},
  see: 'grants.md#slots',
});

export const GRANTS_COUNTED = sharedGauge({
  name: 'token_broker_grants_counted_timestamp_seconds',
  help: 'When the grants were counted last: every few minutes, by one replica, while the console is on or /metrics is read.',
  unit: 'seconds',
  labels: {},
});

export const SERVICES = sharedGauge({
  name: 'token_broker_services',
  help: 'Services that are not revoked, by when they called last: within a day, 7 or 30 days, or longer ago, as counted last.',
  unit: 'services',
  labels: { last_used: ['day', 'week', 'month', 'longer'] },
});

export const SLOTS_NEARLY_FULL = counter({
  name: 'token_broker_slots_nearly_full_total',
  help: 'Connects after which an account had nine tenths or more of its slots taken at a client.',
  unit: 'connects',
  labels: { client: CLIENT },
  see: 'grants.md#slots',
});

export const ACCOUNT_SLOTS_NEARLY_FULL = counter({
  name: 'token_broker_account_slots_nearly_full_total',
  help: 'Connects after which an account had nine tenths or more of ACCOUNT_SLOT_LIMIT taken across all clients.',
  unit: 'connects',
  labels: { client: CLIENT },
  see: 'grants.md#slots',
});

export const CONNECTS = counter({
  name: 'token_broker_connects_total',
  help: 'Connects that ended, by how and why.',
  unit: 'connects',
  labels: { outcome: CONNECT_ENDS, cause: CONNECT_CAUSES },
  see: 'connecting.md#why-a-connect-failed',
});

export const CONNECT_STEPS = counter({
  name: 'token_broker_connect_steps_total',
  help: 'Steps of connects: a link made (except those to try again), opened, its browser sent to Google and back, the code exchanged, confirmed.',
  unit: 'connects',
  labels: {
    step: ['link', 'open', 'google', 'response', 'exchange', 'confirm'],
    outcome: ['ok', 'refused', 'failed'],
  },
  see: 'connecting.md',
});
export type ConnectStep = (typeof CONNECT_STEPS.labels.step)[number];
export type ConnectStepOutcome = (typeof CONNECT_STEPS.labels.outcome)[number];

export const SECURITY_EVENTS = counter({
  name: 'token_broker_security_events_total',
  help: "Security events from Google: handled, handled before, or refused because they are not Google's.",
  unit: 'events',
  labels: {
    event: [...SECURITY_EVENT_NAMES, 'unknown', 'none'],
    outcome: ['handled', 'repeated', 'refused'],
  },
  see: 'security-events.md',
});

export const WEBHOOK_BACKLOG = sharedGauge({
  name: 'token_broker_webhook_backlog',
  help: 'Events that wait for their delivery, counted up to 10000.',
  unit: 'events',
  labels: {},
  see: 'webhooks.md',
});

export const WEBHOOK_OLDEST_AGE = sharedGauge({
  name: 'token_broker_webhook_oldest_age_seconds',
  help: 'Age of the oldest event that waits for its delivery; 0 where none waits.',
  unit: 'seconds',
  labels: {},
  see: 'webhooks.md',
});

export const WEBHOOK_RECEIVERS = sharedGauge({
  name: 'token_broker_webhook_receivers',
  help: 'Webhooks. auto_disabled: by the broker, after days of failure; disabled: by an operator.',
  unit: 'webhooks',
  labels: { state: ['enabled', 'auto_disabled', 'disabled'] },
  see: 'webhooks.md#disabled-after-days-of-failure',
});
export type WebhookState = (typeof WEBHOOK_RECEIVERS.labels.state)[number];

const DELIVERY_OUTCOMES = ['delivered', 'retried', 'abandoned'] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

export const WEBHOOK_DELIVERIES = counter({
  name: 'token_broker_webhook_deliveries_total',
  help: 'Attempts to deliver an event: delivered, to be retried, or abandoned.',
  unit: 'attempts',
  labels: { outcome: DELIVERY_OUTCOMES },
  see: 'webhooks.md',
});

export const WEBHOOK_DELIVERY_DURATION = histogram({
  name: 'token_broker_webhook_delivery_duration_seconds',
  help: 'How long attempts to deliver an event took.',
  unit: 'seconds',
  labels: { outcome: DELIVERY_OUTCOMES },
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  see: 'webhooks.md',
});

export const AUDIT_QUEUE_EVENTS = gauge({
  name: 'token_broker_audit_queue_events',
  help: 'Audit events that are not written yet, without repeated refusals, which are counted for a minute first.',
  unit: 'events',
  labels: {},
  see: 'audit.md',
});

export const AUDIT_QUEUE_AGE = gauge({
  name: 'token_broker_audit_queue_age_seconds',
  help: 'How long the oldest audit event that is not written has waited, without repeated refusals; 0 where none waits.',
  unit: 'seconds',
  labels: {},
  see: 'audit.md',
});

export const AUDIT_WRITE_FAILURES = counter({
  name: 'token_broker_audit_write_failures_total',
  help: 'Attempts to write audit events that failed. The events are kept and tried again.',
  unit: 'attempts',
  labels: {},
  see: 'audit.md',
});
