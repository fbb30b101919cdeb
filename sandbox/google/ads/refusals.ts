/**
 * Error responses of the Google Ads API, part of the table in refusals.ts.
 * https://developers.google.com/google-ads/api/docs/common-errors
 */
import { api, Refusal } from '../refused.js';
import type { Refused } from '../refused.js';

/** GoogleAdsFailure: https://developers.google.com/google-ads/api/docs/get-started/handle-errors */
const adsFailure = (
  code: number,
  status: string,
  message: string,
  errorCode: Record<string, string>,
  text: string,
  details?: object,
): Refused => ({
  form: 'json',
  status: code,
  body: {
    error: {
      code,
      message,
      status,
      details: [
        {
          '@type': 'type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure',
          errors: [{ errorCode, message: text, ...(details && { details }) }],
          requestId: 'stand-in',
        },
      ],
    },
  },
});

const denied = 'The caller does not have permission';
const unauthenticated = 'Request is missing required authentication credential.';
const invalid = 'Request contains an invalid argument.';

export const adsRefusals = {
  ads_user_permission_denied: adsFailure(
    403,
    'PERMISSION_DENIED',
    denied,
    { authorizationError: 'USER_PERMISSION_DENIED' },
    "User doesn't have permission to access customer. Note: If you're accessing a client customer, the manager's " +
      "customer id must be set in the 'login-customer-id' header. See " +
      'https://developers.google.com/google-ads/api/docs/concepts/call-structure#cid',
  ),
  ads_action_not_permitted: adsFailure(
    403,
    'PERMISSION_DENIED',
    denied,
    { authorizationError: 'ACTION_NOT_PERMITTED' },
    'The action is not permitted for this user.',
  ),
  ads_customer_not_enabled: adsFailure(
    403,
    'PERMISSION_DENIED',
    denied,
    { authorizationError: 'CUSTOMER_NOT_ENABLED' },
    "The customer account can't be accessed because it is not yet enabled or has been deactivated.",
  ),
  ads_not_ads_user: adsFailure(
    401,
    'UNAUTHENTICATED',
    unauthenticated,
    { authenticationError: 'NOT_ADS_USER' },
    'Google account cookie is invalid: the Google Account is not associated with any Ads accounts.',
  ),
  ads_project_not_approved: adsFailure(
    403,
    'PERMISSION_DENIED',
    denied,
    { authorizationError: 'CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION' },
    'The Google Cloud project is only approved for use with test accounts. To access non-test accounts, apply for ' +
      'Explorer, Basic or Standard access.',
  ),
  ads_organization_not_approved: adsFailure(
    401,
    'UNAUTHENTICATED',
    unauthenticated,
    { authenticationError: 'ORGANIZATION_NOT_APPROVED' },
    'The Cloud organization associated with the project is not approved for prod access.',
  ),
  /** Seen of a version some time after its sunset. */
  ads_sunset_not_found: {
    form: 'html',
    status: 404,
    body: '<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> Not Found',
  },
  ads_sunset_unimplemented: {
    form: 'json',
    status: 501,
    body: {
      error: { code: 501, message: 'Operation is not implemented, or supported.', status: 'UNIMPLEMENTED' },
    },
  },
  ads_unsupported_version: adsFailure(
    400,
    'INVALID_ARGUMENT',
    invalid,
    { requestError: 'UNSUPPORTED_VERSION' },
    'Version is deprecated. Requests to this version will be blocked.',
  ),
  ads_invalid_login_customer_id: adsFailure(
    400,
    'INVALID_ARGUMENT',
    invalid,
    { headerError: 'INVALID_LOGIN_CUSTOMER_ID' },
    'The login customer ID could not be validated.',
  ),
  ads_invalid_page_token: adsFailure(
    400,
    'INVALID_ARGUMENT',
    invalid,
    { requestError: 'INVALID_PAGE_TOKEN' },
    'Page token is invalid.',
  ),
  ads_metrics_for_manager: adsFailure(
    400,
    'INVALID_ARGUMENT',
    invalid,
    { queryError: 'REQUESTED_METRICS_FOR_MANAGER' },
    'Metrics cannot be requested for a manager account. To retrieve metrics, issue separate requests against each ' +
      'client account under the manager account.',
  ),
  ads_quota_exhausted: adsFailure(
    429,
    'RESOURCE_EXHAUSTED',
    'Resource has been exhausted (e.g. check quota).',
    { quotaError: 'RESOURCE_EXHAUSTED' },
    'Too many requests. Retry in 900 seconds.',
    { quotaErrorDetails: { rateScope: 'DEVELOPER', rateName: 'Requests', retryDelay: '900s' } },
  ),
  ads_api_disabled: api(
    403,
    'PERMISSION_DENIED',
    'accessNotConfigured',
    'Google Ads API has not been used in project 123456789012 before or it is disabled. Enable it by visiting ' +
      'https://console.developers.google.com/apis/api/googleads.googleapis.com/overview?project=123456789012 then retry.',
  ),
} satisfies Record<string, Refused>;

export const refuseAds = (name: keyof typeof adsRefusals): Refusal => new Refusal(adsRefusals[name]);

/** Google answers an authenticationError with 401, although the token is good. */
export const refuseAdsAccount = (errorCode: Record<string, string>): Refusal =>
  new Refusal(
    'authenticationError' in errorCode
      ? adsFailure(
          401,
          'UNAUTHENTICATED',
          unauthenticated,
          errorCode,
          'The account does not admit this user.',
        )
      : adsFailure(403, 'PERMISSION_DENIED', denied, errorCode, 'The account cannot be used.'),
  );

export const refuseAdsQuery = (queryError: string, message: string): Refusal =>
  new Refusal(adsFailure(400, 'INVALID_ARGUMENT', invalid, { queryError }, message));
