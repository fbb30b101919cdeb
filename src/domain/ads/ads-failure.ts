/**
 * What went wrong at the Google Ads API, classified once, in google/ads/classify-ads-failure.ts:
 * - `refused`: this user may not do this with this account, at least not through this root
 * - `closed`: the account is cancelled, or not yet active
 * - `no_ads_user`: the Google Account belongs to no Google Ads account at all
 * - `token_rejected`: Google does not take the access token, or finds a scope missing in it
 * - `project_rejected`: Google refuses our project, our version of the API or our request; the operator must act
 * - `unavailable`: an outage, a quota, a lost connection; the same request may work later
 */
export type AdsFailureKind =
  'refused' | 'closed' | 'no_ads_user' | 'token_rejected' | 'project_rejected' | 'unavailable';

/** Carries only Google's error code and text, never the request: that holds a token. */
export class AdsFailure extends Error {
  override readonly name = 'AdsFailure';

  constructor(
    readonly kind: AdsFailureKind,
    /** Google's code, such as `USER_PERMISSION_DENIED`; `http_503`, `timeout`, `connection_lost` where it sent none. */
    readonly error: string,
    readonly description: string = '',
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(`Google Ads answered ${error}${description ? `: ${description}` : ''}`);
  }
}
