/** POST /oauth2/token, as client libraries send it. Each response is held against the OpenAPI document. */
import type { ApiResponse } from './api.js';
import { contractOf } from './contract.js';

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

/** @param form a parameter that is `undefined` is left out; a text is sent as it is */
export async function postForm(
  url: string,
  form: string | Readonly<Record<string, string | undefined>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiResponse> {
  const sent =
    typeof form === 'string'
      ? form
      : new URLSearchParams(
          Object.entries(form).filter((pair): pair is [string, string] => pair[1] !== undefined),
        ).toString();
  const response = await fetch(`${url}/oauth2/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: sent,
  });
  const text = await response.text();
  const body = JSON.parse(text) as Record<string, unknown>;
  const contract = await contractOf(url);
  contract.check('POST', '/oauth2/token', response.status, response.headers.get('content-type'), body);
  return { status: response.status, headers: response.headers, text, body };
}

/** grant_type=refresh_token with a delegated credential. */
export function redeem(url: string, handle: string, more: Record<string, string> = {}): Promise<ApiResponse> {
  return postForm(url, { grant_type: 'refresh_token', refresh_token: handle, ...more });
}
