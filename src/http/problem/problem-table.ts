import type { BrokerErrorCode } from '../../domain/errors.js';

export interface ProblemKind {
  readonly status: number;
  /** For people. */
  readonly title: string;
}

/** The HTTP status and title of each error code. The OpenAPI document and docs/errors.md follow this table. */
export const PROBLEMS: Readonly<Record<BrokerErrorCode | 'internal_error', ProblemKind>> = {
  invalid_request: { status: 400, title: 'The request is malformed' },
  unauthenticated: { status: 401, title: 'No valid service credential' },
  not_allowed: { status: 403, title: 'The policy of this service forbids it' },
  insufficient_scope: { status: 403, title: 'The grant lacks a scope' },
  no_ads_access: { status: 403, title: 'The user has no such access to this Google Ads account' },
  not_connected: { status: 404, title: 'This user has no grant here' },
  not_found: { status: 404, title: 'There is nothing at this address' },
  method_not_allowed: { status: 405, title: 'This method cannot be used here' },
  ambiguous_account: { status: 409, title: 'Several accounts match' },
  slots_full: { status: 409, title: "This connect would end another user's grant" },
  reconnect_required: { status: 410, title: 'The grant is dead: the user must connect again' },
  rate_limited: { status: 429, title: 'Too many calls' },
  internal_error: { status: 500, title: 'Something went wrong in the broker' },
  integrity_failed: { status: 500, title: 'Stored data was changed outside the broker' },
  client_misconfigured: { status: 502, title: 'Google rejects the OAuth client' },
  google_unavailable: { status: 503, title: 'Google does not answer' },
  cell_unavailable: { status: 503, title: 'Another cell does not answer' },
  database_unavailable: { status: 503, title: 'The database does not answer' },
  clock_skewed: { status: 503, title: "This machine's clock is wrong" },
  issuer_unavailable: { status: 503, title: 'The issuer of this JWT does not answer' },
};

/** What Node and Fastify refuse before a controller, as `invalid_request`, by status. */
export const CLIENT_FAULTS = {
  400: 'The request could not be read: it is not HTTP/1.1 (RFC 9112), or its body is not what its headers say.',
  408: 'The request did not arrive completely in time.',
  413: 'The body is too large.',
  414: 'The address is too long.',
  417: 'Expect: only 100-continue is supported (RFC 9110 section 10.1.1).',
  431: 'The headers are too large.',
  415: 'This content type is not supported here. /openapi.json has the ones that are.',
} as const;
