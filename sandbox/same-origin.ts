import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a form comes from a page of this server: no other site, and no other port of this machine, may change anything here.
 * Browsers send `Origin` with each POST, and newer ones `Sec-Fetch-Site` (Fetch Metadata). Does not judge the host of the request.
 */
export function isFromSameOrigin(
  headers: Pick<IncomingHttpHeaders, 'origin' | 'sec-fetch-site'>,
  origins: readonly string[],
): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  return origin !== undefined && origins.includes(origin) && (site === undefined || site === 'same-origin');
}
