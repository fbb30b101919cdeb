import { GoogleRefusal } from './google-refusal.js';
import type { Report } from './query-report.js';

const GOOGLE_ADS = 'https://googleads.googleapis.com';
const VERSION = 'v26';
const TIMEOUT_MS = 15_000;
const QUERY =
  'SELECT campaign.id, campaign.name, metrics.impressions, metrics.clicks FROM campaign ' +
  'WHERE segments.date DURING LAST_7_DAYS LIMIT 50';

interface Row {
  readonly campaign?: { readonly name?: string };
  /** 64-bit numbers are strings in Google's JSON. */
  readonly metrics?: { readonly impressions?: string; readonly clicks?: string };
}

/**
 * The campaigns of an advertiser, of the last seven days.
 * https://developers.google.com/google-ads/api/rest/common/search
 * @param headers as the broker answered them with the token: login-customer-id, where the access needs it
 */
export async function queryCampaigns(
  accessToken: string,
  headers: Readonly<Record<string, string>>,
  customerId: string,
  standInUrl: string | null,
): Promise<Report> {
  const url = new URL(`/${VERSION}/customers/${customerId}/googleAds:search`, standInUrl ?? GOOGLE_ADS);
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: QUERY }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => {
    throw new GoogleRefusal(null, 'Google Ads does not answer.');
  });
  const answer = (await response.json().catch(() => ({}))) as {
    results?: Row[];
    error?: { message?: string };
  };
  if (!response.ok) {
    throw new GoogleRefusal(response.status, answer.error?.message ?? 'Google gave no reason.', answer);
  }
  return {
    columns: ['campaign', 'impressions', 'clicks'],
    rows: (answer.results ?? []).map(({ campaign, metrics }) => [
      campaign?.name ?? '',
      Number(metrics?.impressions ?? 0),
      Number(metrics?.clicks ?? 0),
    ]),
    answer,
  };
}
