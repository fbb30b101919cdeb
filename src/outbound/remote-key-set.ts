import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { CachedResource } from './cached-resource.js';

/** No issuer publishes so many; each can cost a signature check where a token does not name its key. */
const MAX_KEYS = 100;
/** RSA of more than 8192 bits takes milliseconds to verify, which any caller could cause. In base64url. */
const MAX_MODULUS = 1366;

/**
 * Reads a JSON Web Key Set (JWKS, RFC 7517 section 5); what is not a public key of a known kind is left out of it.
 * @throws when no usable key is left: an empty set must not take the place of a good one
 */
export function readKeySet({ keys }: Readonly<Record<string, unknown>>): JSONWebKeySet {
  if (!Array.isArray(keys)) throw new Error('The response has no list of keys.');
  if (keys.length > MAX_KEYS) throw new Error(`The key set has more than ${MAX_KEYS} keys.`);
  const usable = (keys as unknown[]).filter(isUsable);
  if (usable.length === 0) throw new Error('The key set has no usable key.');
  return { keys: usable };
}

function isUsable(key: unknown): key is JSONWebKeySet['keys'][number] {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, n, d, k } = key as Readonly<Record<string, unknown>>;
  if (d !== undefined || k !== undefined) return false;
  if (kty === 'RSA') return typeof n === 'string' && n.length <= MAX_MODULUS;
  return kty === 'EC' || kty === 'OKP';
}

/**
 * Chooses a token's key. A missing one is fetched once more, as far as the resource's cooldown allows: no token can evict
 * the cached keys, or cause one fetch after another.
 */
export function keysFrom(resource: CachedResource<JSONWebKeySet>): JWTVerifyGetKey {
  const choosers = new WeakMap<JSONWebKeySet, JWTVerifyGetKey>();
  const chooserOf = (set: JSONWebKeySet) => {
    const known = choosers.get(set) ?? createLocalJWKSet(set);
    choosers.set(set, known);
    return known;
  };
  return async (header, token) => {
    const set = await resource.get();
    try {
      return await chooserOf(set)(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const newest = await resource.newest();
      if (newest === set) throw error;
      return chooserOf(newest)(header, token);
    }
  };
}
