import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { readPublicKeys } from '../domain/access/public-key-set.js';
import type { CachedResource } from './cached-resource.js';

/** @throws when no usable key is left: an empty set must not take the place of a good one */
export function readKeySet(content: Readonly<Record<string, unknown>>): JSONWebKeySet {
  const set = readPublicKeys(content);
  if (typeof set === 'string') throw new Error(`The key set ${set}.`);
  return set as unknown as JSONWebKeySet;
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
