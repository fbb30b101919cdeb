import { stat } from 'node:fs/promises';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { readJwksFile, type PublicKeySet } from '../config/jwks-file.js';
import type { ServiceIssuer } from '../domain/workload-identity.js';
import { discoverKeys } from './discover-keys.js';

/** The keys cannot be had: nothing is known about the token. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/** The keys are here, but the token's is not among them, or not alone. */
function fitsNone(error: unknown): boolean {
  return [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported].some(
    (known) => error instanceof known,
  );
}

/**
 * An issuer's keys. Those from an address are kept for 10 minutes; an unknown key id asks again, at most every
 * 30 seconds, so that rotation needs no restart and nobody can make us ask all the time.
 */
export function keysOf({ name, kind, keys }: ServiceIssuer): JWTVerifyGetKey {
  const adapt = kind === 'trust-domain' ? fromSpiffeBundle : (set: PublicKeySet) => set;
  const source =
    keys.from === 'file'
      ? fileKeys(keys.path, adapt)
      : keys.from === 'address'
        ? addressKeys(keys.uri, adapt)
        : discoveredKeys(name);
  return async (header, token) => {
    try {
      return await source(header, token);
    } catch (error) {
      if (fitsNone(error)) throw error;
      throw new KeysUnavailable('The keys of an issuer cannot be had.', { cause: error });
    }
  };
}

type Adapt = (set: PublicKeySet) => PublicKeySet;

function addressKeys(uri: string, adapt: Adapt): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(uri), {
    [customFetch]: async (url, options) => {
      const response = await fetch(url, options);
      if (response.status !== 200) return response;
      return Response.json(adapt((await response.json()) as PublicKeySet));
    },
  });
}

/** The address is asked for once. When that or the keys fail, it is forgotten, and the next call starts anew. */
function discoveredKeys(issuer: string): JWTVerifyGetKey {
  let found: Promise<JWTVerifyGetKey> | null = null;
  return async (header, token) => {
    found ??= discoverKeys(issuer).then((uri) => addressKeys(uri, (set) => set));
    try {
      return await (
        await found
      )(header, token);
    } catch (error) {
      if (!fitsNone(error)) found = null;
      throw error;
    }
  };
}

/** Read again whenever the file changed: mounted bundles are replaced while we run. */
function fileKeys(path: string, adapt: Adapt): JWTVerifyGetKey {
  let changed: number | null = null;
  let keys: JWTVerifyGetKey | null = null;
  return async (header, token) => {
    const { mtimeMs } = await stat(path);
    if (keys === null || mtimeMs !== changed) {
      keys = createLocalJWKSet(adapt(readJwksFile(path)) as never);
      changed = mtimeMs;
    }
    return keys(header, token);
  };
}

/**
 * A SPIFFE bundle names the use of its keys `jwt-svid` or `x509-svid` (SPIFFE Trust Domain and Bundle section 4.2.2),
 * which RFC 7517 does not know. The latter are for certificates and stay unusable here.
 */
function fromSpiffeBundle({ keys }: PublicKeySet): PublicKeySet {
  return { keys: keys.map((key) => (key['use'] === 'jwt-svid' ? { ...key, use: 'sig' } : key)) };
}
