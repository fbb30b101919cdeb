import { notWritable } from './configuration-values.js';

export interface HeaderValues {
  readonly accessToken: string;
  readonly developerToken: string | null;
  readonly loginCustomerId: string | null;
  readonly linkedCustomerId: string | null;
}

/** What may stand in a header without any doubt: visible ASCII (RFC 9110 section 5.5), no spaces. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** Lines for `curl -H @FILE`. A header has no quoting, so what would need one is refused. */
export function curlHeaders(values: HeaderValues): string {
  const { accessToken, developerToken, loginCustomerId, linkedCustomerId } = values;
  assertVisible('access token', accessToken);
  if (developerToken !== null) assertVisible('developer token', developerToken);
  return [
    `Authorization: Bearer ${accessToken}`,
    ...(developerToken === null ? [] : [`developer-token: ${developerToken}`]),
    ...(loginCustomerId === null ? [] : [`login-customer-id: ${loginCustomerId}`]),
    ...(linkedCustomerId === null ? [] : [`linked-customer-id: ${linkedCustomerId}`]),
    '',
  ].join('\n');
}

function assertVisible(name: string, value: string): void {
  if (!VISIBLE.test(value))
    throw notWritable(name, 'holds a space or another character that no header can hold');
}
