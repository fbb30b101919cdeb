import { OAuth2Client } from 'google-auth-library';
import { youtubeAnalytics } from 'googleapis/build/src/apis/youtubeAnalytics/index.js';
import { GoogleRefusal } from './google-refusal.js';

const DAYS = 7;
const DAY_MS = 86_400_000;
const TIMEOUT_MS = 15_000;

const METRICS = {
  views: 'views,estimatedMinutesWatched,likes',
  revenue: 'views,estimatedRevenue',
};

export interface Report {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** The JSON, as the API answered it. */
  readonly answer: unknown;
}

/**
 * The last seven full days of the account's channel.
 * https://developers.google.com/youtube/analytics/reference/reports/query
 */
export async function queryReport(
  accessToken: string,
  kind: keyof typeof METRICS,
  standInUrl: string | null,
): Promise<Report> {
  const auth = new OAuth2Client();
  auth.setCredentials({ access_token: accessToken });
  const analytics = youtubeAnalytics({
    version: 'v2',
    auth,
    ...(standInUrl === null ? {} : { rootUrl: standInUrl }),
  });
  try {
    const { data } = await analytics.reports.query(
      {
        ids: 'channel==MINE',
        startDate: daysAgo(DAYS),
        endDate: daysAgo(1),
        metrics: METRICS[kind],
        dimensions: 'day',
        sort: 'day',
      },
      { timeout: TIMEOUT_MS },
    );
    return {
      columns: (data.columnHeaders ?? []).map(({ name }) => name ?? ''),
      rows: (data.rows ?? []) as (string | number)[][],
      answer: data,
    };
  } catch (error) {
    // Of the error only the answer: its request holds the token.
    const { status, data } =
      (error as { response?: { status?: number; data?: unknown } } | null)?.response ?? {};
    throw new GoogleRefusal(
      status ?? null,
      error instanceof Error ? error.message : 'Google gave no reason.',
      data,
    );
  }
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);
}
