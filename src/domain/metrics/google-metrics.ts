/** Metrics of refreshes: at Google, in the queue before it, and the leases by which replicas share them. */
import { GOOGLE_ERROR_CODES } from '../google/oauth-failures.js';
import type { GoogleFailure } from '../google/google-failure.js';
import { counter, gauge, histogram } from './definition.js';

const CLIENT = 'aliases of `GOOGLE_CLIENT_SECRETS`';

/** Of failures without a code of Google's that the broker knows. */
const OTHER_CAUSES = [
  'timeout',
  'connection_lost',
  'http_error',
  'invalid_response',
  'circuit_open',
  'stopping',
  'other_google_error',
] as const;
const CAUSES = ['none', ...GOOGLE_ERROR_CODES, ...OTHER_CAUSES] as const;
type RefreshCause = (typeof CAUSES)[number];

/** A fixed list, whatever Google sends. */
export function refreshCauseOf({ error }: GoogleFailure): RefreshCause {
  if (error.startsWith('http_')) return 'http_error';
  return CAUSES.find((cause) => cause === error && cause !== 'none') ?? 'other_google_error';
}

const ANSWERS = ['token', 'dead', 'rejected', 'unavailable'] as const;
export type GoogleAnswer = (typeof ANSWERS)[number];

export const GOOGLE_REFRESHES = counter({
  name: 'token_broker_google_refreshes_total',
  help: 'Refreshes, by outcome. withheld: no request was sent.',
  unit: 'requests',
  labels: { client: CLIENT, outcome: [...ANSWERS, 'withheld'], cause: CAUSES },
  see: 'google-errors.md',
});

export const GOOGLE_REFRESH_DURATION = histogram({
  name: 'token_broker_google_refresh_duration_seconds',
  help: 'How long Google took to answer refreshes.',
  unit: 'seconds',
  labels: { client: CLIENT, outcome: ANSWERS },
  buckets: [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30],
});

export const GOOGLE_QUEUE_DEPTH = gauge({
  name: 'token_broker_google_queue_depth',
  help: 'Refreshes and imports that wait for their turn at Google.',
  unit: 'requests',
  labels: { client: CLIENT },
});

export const GOOGLE_QUEUE_IN_USE = gauge({
  name: 'token_broker_google_queue_in_use',
  help: 'Turns at Google that are taken.',
  unit: 'requests',
  labels: { client: CLIENT },
});

export const GOOGLE_QUEUE_TURNS = gauge({
  name: 'token_broker_google_queue_turns',
  help: 'How many turns there are: GOOGLE_CONCURRENCY.',
  unit: 'requests',
  labels: {},
  see: 'configuration.md',
});

export const GOOGLE_QUEUE_WAIT = histogram({
  name: 'token_broker_google_queue_wait_seconds',
  help: 'How long refreshes and imports waited for their turn, or until no caller waited for them any more.',
  unit: 'seconds',
  labels: { client: CLIENT, outcome: ['served', 'timed_out', 'left'] },
  buckets: [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
});
export type QueueWaits = typeof GOOGLE_QUEUE_WAIT.labels;

export const CIRCUIT_STATES = ['closed', 'open', 'half_open'] as const;

export const GOOGLE_CIRCUIT_STATE = gauge({
  name: 'token_broker_google_circuit_state',
  help: '1 for the state that the circuit breaker of a client is in. While it is open, no refresh is sent.',
  unit: 'none',
  labels: { client: CLIENT, state: CIRCUIT_STATES },
});

export const LEASES_HELD = gauge({
  name: 'token_broker_refresh_leases_held',
  help: 'Leases that this process holds: refreshes between their beginning and the storing of their result.',
  unit: 'leases',
  labels: {},
  see: 'decisions/0011-memory-and-leases.md',
});

export const LEASES = counter({
  name: 'token_broker_refresh_leases_total',
  help: 'Leases taken, leases of others that were waited for, and refusals: failures lately, or a grant that changed.',
  unit: 'leases',
  labels: { outcome: ['taken', 'waited', 'backoff', 'changed'] },
});

export const LEASES_LOST = counter({
  name: 'token_broker_refresh_leases_lost_total',
  help: 'Leases whose result was not stored: the grant had changed meanwhile, or the lease had expired.',
  unit: 'leases',
  labels: {},
});
