/**
 * How long Google asks to wait: Retry-After in both of its forms (RFC 9110 section 10.2.3), and the delays in bodies of the Google
 * Ads API. Reads and bounds them; what is done with them is decided elsewhere.
 */

/** Callers get this time in their own Retry-After, and would wait as long as a broken front end says. */
const MAX_SECONDS = 3600;

/** IMF-fixdate, the form that servers must send (RFC 9110 section 5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** @returns seconds, at most an hour; null where the header is missing or malformed */
export function retryAfter(headers: { get(name: string): string | null }): number | null {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (HTTP_DATE.test(value)) {
    // Both dates by the same clock.
    const sentAt = headers.get('date')?.trim() ?? '';
    return HTTP_DATE.test(sentAt) ? boundedSeconds((Date.parse(value) - Date.parse(sentAt)) / 1000) : null;
  }
  return /^\d+$/.test(value) ? boundedSeconds(Number(value)) : null;
}

/** @returns null for what is no time */
export function boundedSeconds(seconds: number): number | null {
  return Number.isNaN(seconds) ? null : Math.min(MAX_SECONDS, Math.max(0, Math.ceil(seconds)));
}
