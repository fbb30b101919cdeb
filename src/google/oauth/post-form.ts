import { GoogleFailure } from '../../domain/google/google-failure.js';
import { Secret } from '../../domain/secret.js';
import { send } from '../../outbound/http-client.js';
import { classifyLostRequest, retryAfter } from './classify-failure.js';

/** A token response has some 2 kB, most of it the id_token. */
const MAX_BYTES = 128 * 1024;

export interface FormResponse {
  readonly status: number;
  readonly body: string;
  /** In seconds. */
  readonly retryAfter: number | null;
}

/**
 * Sends one form, once. No retry and no redirect: the first would use up an authorization code, the second could
 * send a token elsewhere.
 * @param shutdown cancels the request
 * @throws {GoogleFailure} `unavailable` without a complete response of a sane size within `timeoutMs`; `withheld` when cancelled
 */
export async function postForm(
  url: string,
  fields: Readonly<Record<string, string | Secret>>,
  timeoutMs: number,
  shutdown?: AbortSignal,
): Promise<FormResponse> {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    form.set(name, value instanceof Secret ? value.reveal() : value);
  }
  try {
    const limits = { timeoutMs, maxBytes: MAX_BYTES, signal: shutdown };
    const { status, body, headers } = await send(url, {
      method: 'POST',
      body: form,
      ...limits,
      tracedPath: true,
    });
    return { status, body, retryAfter: retryAfter(headers) };
  } catch (error) {
    if (shutdown?.aborted) throw new GoogleFailure('withheld', 'stopping');
    // The error is dropped, not wrapped: it can hold the request.
    throw classifyLostRequest(error);
  }
}
