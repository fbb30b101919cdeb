/**
 * When Google ends versions of the Google Ads API: the schedule that Google published, as far as the project knows it. Owns what a
 * date means for a configured version; what Google answers after a sunset is in ads-failure.ts.
 * https://developers.google.com/google-ads/api/docs/sunset-dates
 */

const DAY_MS = 86_400_000;
/** Google reminds of a sunset about a month before: too late for some release plans. */
const WARNING_DAYS = 90;

/** Where Google names only the month, its first day: the sunset can be on any day of it. */
const ADS_API_SUNSETS: Readonly<Record<string, string>> = {
  v20: '2026-06-10',
  v21: '2026-08-05',
  v22: '2026-10-07',
  v23: '2027-02-01',
  v24: '2027-05-01',
  v25: '2027-08-01',
  v26: '2027-11-01',
};

export interface AdsApiVersion {
  readonly version: string;
  /** The day, such as `2027-11-01`; null where the project knows none. */
  readonly sunset: string | null;
  /** `ending`: within 90 days; `unknown`: older or newer than the schedule that the project knows. */
  readonly state: 'served' | 'ending' | 'ended' | 'unknown';
}

export function adsApiVersion(version: string, now: Date): AdsApiVersion {
  const sunset = ADS_API_SUNSETS[version];
  if (sunset === undefined) return { version, sunset: null, state: isOlder(version) ? 'ended' : 'unknown' };
  const left = Date.parse(sunset) - now.getTime();
  const isEnding = left <= WARNING_DAYS * DAY_MS;
  return { version, sunset, state: left <= 0 ? 'ended' : isEnding ? 'ending' : 'served' };
}

/** Versions before the first of the schedule ended before it. */
function isOlder(version: string): boolean {
  const first = Math.min(...Object.keys(ADS_API_SUNSETS).map(numberOf));
  return numberOf(version) < first;
}

function numberOf(version: string): number {
  return Number(version.slice(1));
}
