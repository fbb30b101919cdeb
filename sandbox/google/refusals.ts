/**
 * Google's error responses, by name: status and text from Google's guide, or as observed.
 * The endpoints refuse with these, and tests inject the same ones as faults.
 */
import { adsRefusals } from './ads/refusals.js';
import type { Endpoint } from './endpoints.js';
import { api, Refusal } from './refused.js';
import type { Refused } from './refused.js';

const oauth = (
  status: number,
  error: string,
  error_description?: string,
  error_subtype?: string,
): Refused => ({
  form: 'json',
  status,
  body: {
    error,
    ...(error_description && { error_description }),
    ...(error_subtype && { error_subtype }),
  },
});

const page = (status: number, error: string, text: string): Refused => ({
  form: 'page',
  status,
  error,
  text,
});

const redirected = (error: string, error_subtype?: string): Refused => ({
  form: 'redirect',
  error,
  ...(error_subtype && { error_subtype }),
});

const htmlError = (status: number, title: string): Refused => ({
  form: 'html',
  status,
  body: `<!DOCTYPE html><html lang=en><title>Error ${status} (${title})!!1</title><p><b>${status}.</b> ${title}`,
});

/** Errors of Google's front ends; possible at every endpoint but the consent page. */
const transient = {
  internal_failure: oauth(500, 'internal_failure', 'Backend Error'),
  server_error: oauth(500, 'server_error', 'Internal server error'),
  temporarily_unavailable: oauth(503, 'temporarily_unavailable', 'The service is temporarily unavailable.'),
  request_timeout: htmlError(408, 'Request Timeout'),
  too_many_requests: oauth(429, 'rate_limit_exceeded', 'Rate Limit Exceeded'),
  user_rate_limit_html: htmlError(403, 'User Rate Limit Exceeded'),
  bad_gateway_html: htmlError(502, 'Server Error'),
};

const token = {
  invalid_grant_expired_or_revoked: oauth(400, 'invalid_grant', 'Token has been expired or revoked.'),
  invalid_grant_bad_request: oauth(400, 'invalid_grant', 'Bad Request'),
  malformed_auth_code: oauth(400, 'invalid_grant', 'Malformed auth code.'),
  missing_code_verifier: oauth(400, 'invalid_grant', 'Missing code verifier.'),
  invalid_code_verifier: oauth(400, 'invalid_grant', 'Invalid code verifier'),
  needless_code_verifier: oauth(400, 'invalid_grant', 'code_verifier or verifier is not needed.'),
  invalid_jwt_signature: oauth(400, 'invalid_grant', 'Invalid JWT Signature.'),
  invalid_jwt: oauth(400, 'invalid_grant', 'Invalid JWT: Token is not in a readable form.'),
  account_not_found: oauth(400, 'invalid_grant', 'Invalid grant: account not found'),
  not_a_valid_email: oauth(400, 'invalid_grant', 'Not a valid email or user ID.'),
  not_delegated: oauth(
    401,
    'unauthorized_client',
    'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the ' +
      'scopes requested.',
  ),
  invalid_jwt_scope: oauth(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.'),
  invalid_rapt: oauth(400, 'invalid_grant', 'reauth related error (invalid_rapt)', 'invalid_rapt'),
  rapt_required: oauth(400, 'invalid_grant', 'reauth related error (rapt_required)', 'rapt_required'),
  invalid_client_not_found: oauth(401, 'invalid_client', 'The OAuth client was not found.'),
  invalid_client_secret: oauth(401, 'invalid_client', 'The provided client secret is invalid.'),
  deleted_client: oauth(401, 'deleted_client', 'The OAuth client was deleted.'),
  disabled_client: oauth(401, 'disabled_client', 'The OAuth client was disabled.'),
  unauthorized_client: oauth(401, 'unauthorized_client', 'Unauthorized'),
  client_secret_missing: oauth(400, 'invalid_request', 'client_secret is missing.'),
  invalid_request: oauth(400, 'invalid_request', 'Bad Request'),
  redirect_uri_mismatch: oauth(400, 'redirect_uri_mismatch', 'Bad Request'),
  unsupported_grant_type: oauth(400, 'unsupported_grant_type', 'Invalid grant_type'),
  invalid_scope: oauth(400, 'invalid_scope', 'Some requested scopes were invalid. {invalid=[?]}'),
  admin_policy_enforced: oauth(
    400,
    'admin_policy_enforced',
    'Access to your account data is restricted by policies within your organization. Please contact the ' +
      'administrator of your organization for more information.',
  ),
  ...transient,
};

const authorize = {
  invalid_request: page(400, 'invalid_request', "The app's request is invalid."),
  invalid_scope: page(400, 'invalid_scope', 'Some requested scopes were invalid.'),
  unsupported_response_type: page(400, 'unsupported_response_type', 'The response type is not supported.'),
  redirect_uri_mismatch: page(
    400,
    'redirect_uri_mismatch',
    'The redirect URI in the request does not match the ones authorized for the OAuth client.',
  ),
  admin_policy_enforced: page(
    400,
    'admin_policy_enforced',
    "Your organization's administrator does not let this app access one or more of the services it asks for.",
  ),
  invalid_client: page(401, 'invalid_client', 'The OAuth client was not found.'),
  deleted_client: page(401, 'deleted_client', 'The OAuth client was deleted.'),
  disabled_client: page(401, 'disabled_client', 'The OAuth client was disabled.'),
  disallowed_useragent: page(403, 'disallowed_useragent', 'This browser or app is not allowed to sign in.'),
  org_internal: page(403, 'org_internal', 'This app is only available to users within its organization.'),
  not_a_test_user: page(
    403,
    'access_denied',
    'This app is being tested, and can only be used by the testers its developer has approved.',
  ),
  rate_limit_exceeded: page(
    403,
    'rate_limit_exceeded',
    'This app has reached its sign-in rate limit for now.',
  ),
  access_denied: redirected('access_denied'),
  interaction_required: redirected('interaction_required', 'access_denied'),
  immediate_failed: redirected('immediate_failed'),
  server_error: redirected('server_error'),
  temporarily_unavailable: redirected('temporarily_unavailable'),
};

const expected =
  'Expected OAuth 2 access token, login cookie or other valid authentication credential. ' +
  'See https://developers.google.com/identity/sign-in/web/devconsole-project.';

/** The error table of Google's guide to Cross-Account Protection. */
const risc = {
  risc_api_disabled: api(
    403,
    'PERMISSION_DENIED',
    'accessNotConfigured',
    'RISC API has not been used in project 123456789012 before or it is disabled. Enable it by visiting ' +
      'https://console.developers.google.com/apis/api/risc.googleapis.com/overview?project=123456789012 then retry.',
  ),
  risc_role_missing: api(
    403,
    'PERMISSION_DENIED',
    'forbidden',
    'Service account needs permission to access your RISC configuration',
  ),
  risc_foreign_domain: api(
    403,
    'PERMISSION_DENIED',
    'forbidden',
    "The delivery endpoint does not belong to any of your project's domains.",
  ),
  risc_not_https: api(403, 'PERMISSION_DENIED', 'forbidden', 'The delivery endpoint must be an HTTPS URL.'),
  risc_invalid_status: api(403, 'PERMISSION_DENIED', 'forbidden', 'Invalid status.'),
  risc_no_configuration: api(404, 'NOT_FOUND', 'notFound', 'Project has no RISC configuration.'),
};

const call = {
  missing_credentials: api(
    401,
    'UNAUTHENTICATED',
    'required',
    `Request is missing required authentication credential. ${expected}`,
  ),
  invalid_credentials: api(
    401,
    'UNAUTHENTICATED',
    'authError',
    `Request had invalid authentication credentials. ${expected}`,
  ),
  insufficient_permissions: api(
    403,
    'PERMISSION_DENIED',
    'insufficientPermissions',
    'Request had insufficient authentication scopes.',
  ),
  quota_exceeded: api(
    403,
    'PERMISSION_DENIED',
    'quotaExceeded',
    'The request cannot be completed because you have exceeded your quota.',
  ),
  forbidden: api(403, 'PERMISSION_DENIED', 'forbidden', 'Forbidden'),
  invalid_argument: api(400, 'INVALID_ARGUMENT', 'badRequest', 'Request contains an invalid argument.'),
  backend_error: api(503, 'UNAVAILABLE', 'backendError', 'The service is currently unavailable.'),
  ...risc,
  ...adsRefusals,
  invalid_token: oauth(400, 'invalid_token'),
  invalid_value: oauth(400, 'invalid_token', 'Invalid Value'),
  ...transient,
};

type TokenRefusal = keyof typeof token;
type AuthorizeRefusal = keyof typeof authorize;
type CallRefusal = keyof typeof call;
export type RefusalName = TokenRefusal | AuthorizeRefusal | CallRefusal;

export function refuseToken(name: TokenRefusal, error_description?: string): Refusal {
  const refused: Refused = token[name];
  if (refused.form !== 'json' || error_description === undefined) return new Refusal(refused);
  return new Refusal({ ...refused, body: { ...refused.body, error_description } });
}

export function refuseAuthorization(name: AuthorizeRefusal, text?: string): Refusal {
  const refused: Refused = authorize[name];
  return new Refusal(refused.form === 'page' && text !== undefined ? { ...refused, text } : refused);
}

export const refuseCall = (name: CallRefusal): Refusal => new Refusal(call[name]);

export const refuseArgument = (message: string): Refusal =>
  new Refusal(api(400, 'INVALID_ARGUMENT', 'badRequest', message));

export function refusalNamed(endpoint: Endpoint, name: string): Refused {
  const table: Partial<Record<string, Refused>> = { authorize, token }[endpoint as string] ?? call;
  const refused = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!refused) {
    throw new Error(`"${name}" is no refusal of ${endpoint}; there are: ${Object.keys(table).join(', ')}.`);
  }
  return refused;
}
