import type { PageFailureRow } from './google-failure.js';

export const UNUSABLE_RESPONSE = {
  errors: [],
  shown: '`http_503`, `invalid_response`, `too_large`, `proxy_407` and the like',
  kind: 'unavailable',
  page: 'google_unavailable',
  meaning: 'Google gave no usable response.',
  whoMustAct: 'none',
  remedy: "Try again; if it persists, the operator checks the broker's outbound network.",
} as const satisfies PageFailureRow;

/** Failures without a code of Google's, by the broker's own. The last row is for all that no other fits. */
export const LOCAL_FAILURES = [
  {
    errors: ['connection_lost'],
    kind: 'unavailable',
    page: 'google_unavailable',
    meaning: 'Google cannot be reached from here.',
    whoMustAct: 'operator',
    remedy: 'Check the network and the proxy, and try again.',
  },
  {
    errors: ['timeout'],
    kind: 'unavailable',
    page: 'google_unavailable',
    meaning: 'Google did not answer in time.',
    whoMustAct: 'none',
    remedy: 'Try again; if it persists, the operator checks the network and `GOOGLE_TIMEOUT_MS`.',
  },
  {
    errors: ['invalid_id_token'],
    kind: 'code_rejected',
    page: 'code_rejected',
    meaning: 'The id_token of the response is not for this connect.',
    whoMustAct: 'user',
    remedy: 'Connect again; if it persists, the operator looks it up in the log.',
  },
  {
    errors: ['queue_timeout'],
    kind: 'withheld',
    page: 'google_unavailable',
    meaning: 'Too many calls wait for Google before this one.',
    whoMustAct: 'none',
    remedy: 'Try again soon.',
  },
  {
    errors: ['recent_failure'],
    kind: 'withheld',
    page: 'google_unavailable',
    meaning: 'Google failed for this grant just before, and is not asked again yet.',
    whoMustAct: 'none',
    remedy: 'Try again after `Retry-After`.',
  },
  {
    errors: ['circuit_open'],
    kind: 'withheld',
    page: 'google_unavailable',
    meaning: 'Google failed for most users of this client lately, and is not asked for a while.',
    whoMustAct: 'none',
    remedy: 'Try again after `Retry-After`.',
  },
  {
    errors: ['caller_left', 'stopping'],
    kind: 'withheld',
    page: 'google_unavailable',
    meaning: 'The caller closed the connection, or the broker was stopped.',
    whoMustAct: 'none',
    remedy: 'Try again.',
  },
  UNUSABLE_RESPONSE,
] as const satisfies readonly PageFailureRow[];
