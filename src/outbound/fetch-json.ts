import { send } from './http-client.js';

/** Discovery documents and key sets: a few kilobytes in practice. */
const MAX_BYTES = 512 * 1024;

/**
 * Fetches a public JSON document: no credential is sent, and nothing of the response gets into an error.
 * @throws when no JSON object came with 200, in time and in size
 */
export async function fetchJson(
  url: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const headers = { accept: 'application/json' };
  const request = { headers, timeoutMs, maxBytes: MAX_BYTES, tracedPath: true, signal } as const;
  const { status, body } = await send(url, request);
  if (status !== 200) throw new Error(`The response has status ${status}.`);
  const json = parse(body);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Error('The response is not a JSON object.');
  }
  return json as Readonly<Record<string, unknown>>;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
