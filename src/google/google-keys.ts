import type { JWTVerifyGetKey } from 'jose';
import { CachedResource, type CacheTimes } from '../outbound/cached-resource.js';
import { fetchJson } from '../outbound/fetch-json.js';
import { keysFrom, readKeySet } from '../outbound/remote-key-set.js';

/** Google publishes a new key days before it signs with it. */
const KEY_TIMES: CacheTimes = {
  freshMs: 10 * 60_000,
  staleMs: 3600_000,
  cooldownMs: 30_000,
  retryMs: 5_000,
};

/**
 * Google's public keys, cached also while Google does not answer.
 * @param address their URL, looked up at each fetch
 * @param now milliseconds
 */
export function googleKeys(
  address: () => Promise<string>,
  timeoutMs: number,
  now: () => number,
): JWTVerifyGetKey {
  const load = async () => readKeySet(await fetchJson(await address(), timeoutMs));
  return keysFrom(new CachedResource(load, now, KEY_TIMES));
}
