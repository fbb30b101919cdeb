/** The forms of Google's error responses. Their codes and texts are in refusals.ts and ads/refusals.ts. */
export type Refused =
  | { form: 'json'; status: number; body: object; headers?: Record<string, string> }
  | { form: 'html'; status: number; body: string }
  | { form: 'page'; status: number; error: string; text: string }
  | { form: 'redirect'; error: string; error_subtype?: string };

export class Refusal extends Error {
  constructor(readonly refused: Refused) {
    super('Google refuses');
  }
}

/** RFC 6750 section 3. Java's library repeats a call with another token only where it is named invalid. */
const BEARER = 'Bearer realm="https://accounts.google.com/"';
const INVALID = ', error="invalid_token"';

/** Google's JSON error format: https://google.aip.dev/193 */
export const api = (code: number, status: string, reason: string, message: string): Refused => ({
  form: 'json',
  status: code,
  body: { error: { code, message, errors: [{ message, domain: 'global', reason }], status } },
  ...(code === 401 && {
    headers: { 'www-authenticate': `${BEARER}${reason === 'authError' ? INVALID : ''}` },
  }),
});
