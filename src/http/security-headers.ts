const NO_GUESSING = { 'x-content-type-options': 'nosniff' };
/** As helmet says it. */
const STRICT_TRANSPORT = { 'strict-transport-security': 'max-age=31536000; includeSubDomains' };
const BOTH = { ...NO_GUESSING, ...STRICT_TRANSPORT };

/** What every answer has: no one guesses at its type, and where browsers come by https, they keep to it. */
export function securityHeaders(publicUrl: string): Readonly<Record<string, string>> {
  return publicUrl.startsWith('https:') ? BOTH : NO_GUESSING;
}
