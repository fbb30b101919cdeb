/**
 * Every code with which Google Ads refuses an authentication or an authorization, and whom it concerns. The codes are those of v25,
 * compared with its protos in the npm package google-ads-node 25.1.0 (build/protos/google/ads/googleads/v25/errors/) on 2026-11-28: to
 * be compared again when GOOGLE_ADS_API_VERSION has a newer default. A code that is in neither list is the operator's, with its name.
 */
import { describe, expect, test } from '@jest/globals';
import { ADS_CONCERNS, ADS_FAILURES, explainAdsFailure } from '../../domain/ads/ads-failure.js';
import { classifyAdsFailure } from './classify-ads-failure.js';

type Concern = 'account' | 'user' | 'project';

/** https://developers.google.com/google-ads/api/reference/rpc/v25/AuthenticationErrorEnum.AuthenticationError */
const AUTHENTICATION: Readonly<Record<string, Concern>> = {
  UNSPECIFIED: 'user',
  UNKNOWN: 'user',
  ADVANCED_PROTECTION_NOT_ENROLLED: 'account',
  AUTHENTICATION_ERROR: 'user',
  CLIENT_CUSTOMER_ID_INVALID: 'project',
  CUSTOMER_NOT_FOUND: 'account',
  DEVELOPER_TOKEN_INVALID: 'project',
  GOOGLE_ACCOUNT_AUTHENTICATION_FAILED: 'user',
  GOOGLE_ACCOUNT_COOKIE_INVALID: 'user',
  GOOGLE_ACCOUNT_DELETED: 'user',
  GOOGLE_ACCOUNT_USER_AND_ADS_USER_MISMATCH: 'user',
  INVALID_EMAIL_ADDRESS: 'user',
  LOGIN_COOKIE_INVALID: 'user',
  LOGIN_COOKIE_REQUIRED: 'user',
  NOT_ADS_USER: 'user',
  OAUTH_TOKEN_DISABLED: 'user',
  OAUTH_TOKEN_EXPIRED: 'user',
  OAUTH_TOKEN_HEADER_INVALID: 'user',
  OAUTH_TOKEN_INVALID: 'user',
  OAUTH_TOKEN_REVOKED: 'user',
  ORGANIZATION_NOT_APPROVED: 'project',
  ORGANIZATION_NOT_ASSOCIATED_WITH_DEVELOPER_TOKEN: 'project',
  ORGANIZATION_NOT_RECOGNIZED: 'project',
  TWO_STEP_VERIFICATION_NOT_ENROLLED: 'account',
  USER_ID_INVALID: 'user',
};

/** https://developers.google.com/google-ads/api/reference/rpc/v25/AuthorizationErrorEnum.AuthorizationError */
const AUTHORIZATION: Readonly<Record<string, Concern>> = {
  UNSPECIFIED: 'project',
  UNKNOWN: 'project',
  ACCESS_DENIED_FOR_ACCOUNT_TYPE: 'account',
  ACTION_NOT_PERMITTED: 'account',
  ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT: 'account',
  AUTHORIZATION_ERROR: 'account',
  CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION: 'account',
  CLOUD_PROJECT_NOT_UNDER_ORGANIZATION: 'project',
  CUSTOMER_NOT_ENABLED: 'account',
  DEVELOPER_TOKEN_NOT_APPROVED: 'account',
  DEVELOPER_TOKEN_NOT_ON_ALLOWLIST: 'project',
  DEVELOPER_TOKEN_PROHIBITED: 'project',
  INCOMPLETE_SIGNUP: 'account',
  INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION: 'account',
  METRIC_ACCESS_DENIED: 'project',
  MISSING_TOS: 'account',
  PROJECT_DISABLED: 'project',
  SERVICE_ACCESS_DENIED: 'account',
  USER_PERMISSION_DENIED: 'account',
};

const classify = (status: number, body: object | string) =>
  classifyAdsFailure({
    status,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    retryAfter: null,
  });

const refusedWith = (status: number, rpc: string, errorCode: Record<string, string>) =>
  classify(status, {
    error: { code: status, status: rpc, message: 'Refused.', details: [{ errors: [{ errorCode }] }] },
  });

describe('a code of Google Ads', () => {
  test.each(Object.entries(AUTHENTICATION))(
    'that refuses an authentication, %s, is of the %s',
    (code, concern) => {
      const failure = refusedWith(401, 'UNAUTHENTICATED', { authenticationError: code });
      expect([failure.error, ADS_CONCERNS[failure.kind]]).toEqual([code, concern]);
    },
  );

  test.each(Object.entries(AUTHORIZATION))(
    'that refuses an authorization, %s, is of the %s',
    (code, concern) => {
      const failure = refusedWith(403, 'PERMISSION_DENIED', { authorizationError: code });
      expect([failure.error, ADS_CONCERNS[failure.kind]]).toEqual([code, concern]);
    },
  );

  test('stands in one row of the table, and each row of an account names who must act', () => {
    const codes = [...Object.keys(AUTHENTICATION), ...Object.keys(AUTHORIZATION)].filter(
      (code) => !['UNSPECIFIED', 'UNKNOWN'].includes(code),
    );
    const rowsOf = (code: string) => ADS_FAILURES.filter(({ errors }) => errors.includes(code));
    expect(codes.filter((code) => rowsOf(code).length !== 1)).toEqual([]);
    const ofAccounts = ADS_FAILURES.filter(({ kind }) => ADS_CONCERNS[kind] === 'account');
    expect(ofAccounts.filter(({ whoMustAct }) => whoMustAct === 'none')).toEqual([]);
  });

  test('of the access level names the operator and where to apply', () => {
    for (const code of ['CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION', 'DEVELOPER_TOKEN_NOT_APPROVED']) {
      const failure = refusedWith(403, 'PERMISSION_DENIED', { authorizationError: code });
      expect(explainAdsFailure(failure)).toMatchObject({
        whoMustAct: 'operator',
        meaning: expect.stringContaining('Test access'),
        remedy: expect.stringContaining('Explorer or Basic'),
      });
    }
  });
});

describe('a version after its sunset', () => {
  const html = '<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>';
  test.each([
    ['a page with 404', 404, html],
    ['501', 501, { error: { code: 501, status: 'UNIMPLEMENTED', message: 'Not implemented.' } }],
    ['a page with 501', 501, html],
  ])('is known by %s, and names the setting', (_, status, body) => {
    const failure = classify(status, body);
    expect(failure.kind).toBe('project_rejected');
    expect(explainAdsFailure(failure)).toMatchObject({
      whoMustAct: 'operator',
      meaning: expect.stringContaining('GOOGLE_ADS_API_VERSION'),
    });
  });

  test('is known by UNSUPPORTED_VERSION', () => {
    const failure = refusedWith(400, 'INVALID_ARGUMENT', { requestError: 'UNSUPPORTED_VERSION' });
    expect(explainAdsFailure(failure).meaning).toContain('GOOGLE_ADS_API_VERSION');
  });

  test.each([
    [503, html],
    [403, html],
    [404, { error: { code: 404, status: 'NOT_FOUND', message: 'None.' } }],
  ] as const)('is not guessed from %d %j', (status, body) => {
    expect(explainAdsFailure(classify(status, body)).meaning).not.toContain('GOOGLE_ADS_API_VERSION');
  });
});
