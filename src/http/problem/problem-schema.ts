import { ACTORS } from '../../domain/google/google-failure.js';
import { EVENT_FAULTS } from '../../domain/google/security-event.js';
import { CONFIDENCES } from '../../domain/grant/grant.js';
import { PROBLEMS } from './problem-table.js';

const text = (description: string) => ({ type: 'string', description });
const texts = (description: string) => ({ type: 'array', items: { type: 'string' }, description });

/** The slots of an account at a client, in problems and in webhooks. */
export const SLOTS_SCHEMA = {
  type: 'object',
  required: ['limit', 'used', 'free'],
  properties: { limit: { type: 'integer' }, used: { type: 'integer' }, free: { type: 'integer' } },
} as const;

/**
 * Owns the schema of a problem (RFC 9457) in the OpenAPI document, as the components `Problem` and `ProblemCode`: members of
 * every problem, and the extensions of some. Owns neither the codes (problem-table.ts) nor what a refusal contains.
 */
export const PROBLEM_SCHEMAS = {
  ProblemCode: {
    type: 'string',
    description: 'Stable: write your code against this. More may be added',
    enum: Object.keys(PROBLEMS),
  },
  Problem: {
    type: 'object',
    description: 'A refusal (RFC 9457). Members that not all problems have name the codes that have them',
    required: ['type', 'status', 'title', 'code', 'detail', 'request_id'],
    properties: {
      type: text('A URN with the code'),
      status: { type: 'integer' },
      title: text('What happened, in general'),
      code: { $ref: '#/components/schemas/ProblemCode' },
      detail: text('What happened, and what to do next'),
      request_id: text("Names this request in the broker's log and audit trail"),
      errors: {
        type: 'object',
        additionalProperties: { type: 'string' },
        description: 'invalid_request: what is wrong with each field',
      },
      reason: text('invalid_request: why a link, a state or a form is refused; no_ads_access: why not'),
      missing_scopes: texts('insufficient_scope: what the user did not allow'),
      connect_url: text('A link that takes the user to consent; works once, for 30 minutes'),
      accounts: {
        type: 'array',
        description: 'ambiguous_account, not_connected: which accounts there are; 100 at most',
        items: { $ref: '#/components/schemas/AccountResponse' },
      },
      cause: text(
        "reconnect_required, client_misconfigured: why; see docs/grants.md. no_ads_access: Google's code",
      ),
      confidence: { type: 'string', enum: CONFIDENCES },
      who_must_act: {
        type: 'string',
        enum: ACTORS,
        description: 'Who can put it right; account_admin and developer: no_ads_access only',
      },
      slots: { ...SLOTS_SCHEMA, description: 'slots_full: how the account stands with this client' },
      google_error: text("client_misconfigured: Google's own code"),
      google_error_description: text("client_misconfigured: Google's own words"),
      err: {
        type: 'string',
        enum: EVENT_FAULTS,
        description: 'A refused security event: the code of RFC 8935',
      },
      description: text('A refused security event: the same as detail, under the name of RFC 8935'),
      customer_id: text('no_ads_access: the Google Ads account'),
      best_role: { type: ['string', 'null'], description: 'no_ads_access: the highest role found' },
      min_role: { type: ['string', 'null'], description: 'no_ads_access: the role that was requested' },
      max_role: {
        type: ['string', 'null'],
        description: 'no_ads_access: the most powerful role that was allowed',
      },
      synced_at: { type: 'string', format: 'date-time', description: 'no_ads_access: as of when' },
      retry_after: { type: 'integer', description: 'Seconds, as in Retry-After' },
    },
  },
} as const;
