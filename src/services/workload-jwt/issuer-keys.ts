import { stat } from 'node:fs/promises';
import { errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { isSafeAddress, readJwksFile } from '../../config/service-issuers.js';
import type { PublicKeySet } from '../../domain/access/public-key-set.js';
import type { ServiceIssuer } from '../../domain/access/workload-identity.js';
import { CachedResource, type CacheTimes } from '../../outbound/cached-resource.js';
import { fetchJson } from '../../outbound/fetch-json.js';
import { keysFrom, readKeySet } from '../../outbound/remote-key-set.js';

const TIMEOUT_MS = 5_000;
/** A key that the issuer withdrew is accepted for ten more minutes at most, as long as the issuer answers. */
const KEY_TIMES: CacheTimes = {
  freshMs: 5 * 60_000,
  staleMs: 10 * 60_000,
  cooldownMs: 30_000,
  retryMs: 5_000,
};
/** jwks_uri hardly ever changes; it is discovered again when it stops answering. */
const DISCOVERY_TIMES: CacheTimes = {
  freshMs: 3600_000,
  staleMs: 24 * 3600_000,
  cooldownMs: 30_000,
  retryMs: 5_000,
};
/** Reading the file's mtime costs little, but any caller can cause it. */
const FILE_TIMES: CacheTimes = { freshMs: 1000, staleMs: 1000, cooldownMs: 1000, retryMs: 1000 };

/** The keys are unavailable: the token can be neither accepted nor refused. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/** The key set is available, but the token's key is missing or ambiguous. */
function hasNoSingleMatch(error: unknown): boolean {
  return [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported].some(
    (known) => error instanceof known,
  );
}

interface IssuerKeysOptions {
  /** Milliseconds. */
  readonly now: () => number;
  /** Called with the first of several failures in a row, and with null after the next success. */
  readonly report: (failure: unknown) => void;
}

/**
 * The cached keys of an issuer. They stay until newer ones arrive, whether the issuer is down or tokens are forged. An
 * unknown key id refetches them, at most every 30 seconds.
 */
export class IssuerKeys {
  readonly #sets: CachedResource<JSONWebKeySet>;
  readonly #keys: JWTVerifyGetKey;
  #isEnded = false;

  constructor(issuer: ServiceIssuer, { now, report }: IssuerKeysOptions) {
    const times = issuer.keys.from === 'file' ? FILE_TIMES : KEY_TIMES;
    this.#sets = new CachedResource(loaderOf(issuer, now), now, times, report);
    this.#keys = keysFrom(this.#sets);
  }

  /** The set that a token would be verified with now; null where it must be fetched first. */
  current(): JSONWebKeySet | null {
    return this.#isEnded ? null : this.#sets.current();
  }

  /** No set is current from now on. */
  end(): void {
    this.#isEnded = true;
  }

  /** As `current`, once it is fetched. @throws {KeysUnavailable} */
  get(): Promise<JSONWebKeySet> {
    return this.#sets.get().catch(unavailable);
  }

  /** @throws {KeysUnavailable} */
  readonly choose: JWTVerifyGetKey = async (header, token) => {
    try {
      return await this.#keys(header, token);
    } catch (error) {
      if (hasNoSingleMatch(error)) throw error;
      return unavailable();
    }
  };
}

function unavailable(): never {
  throw new KeysUnavailable('The keys of an issuer are unavailable.');
}

type Loader = (previous: JSONWebKeySet | null) => Promise<JSONWebKeySet>;

function loaderOf({ name, kind, keys }: ServiceIssuer, now: () => number): Loader {
  const adapt = kind === 'trust-domain' ? fromSpiffeBundle : (set: PublicKeySet) => set;
  if (keys.from === 'file') return fromFile(keys.path, adapt);
  if (keys.from === 'discovery') return fromDiscovery(name, now);
  return async () => adapt(readKeySet(await fetchJson(keys.uri, TIMEOUT_MS))) as never;
}

function fromDiscovery(issuer: string, now: () => number): Loader {
  const address = new CachedResource(() => discoverKeys(issuer, TIMEOUT_MS), now, DISCOVERY_TIMES);
  const load = async (uri: string) => readKeySet(await fetchJson(uri, TIMEOUT_MS));
  return async () => {
    const uri = await address.get();
    try {
      return await load(uri);
    } catch (error) {
      // The address may have changed.
      const newest = await address.newest();
      if (newest === uri) throw error;
      return load(newest);
    }
  };
}

/** Reads the file again when it has changed: mounted bundles rotate. A broken file does not replace a good one. */
function fromFile(path: string, adapt: (set: PublicKeySet) => PublicKeySet): Loader {
  let read: string | null = null;
  return async (previous) => {
    const { mtimeMs, ino, size } = await stat(path);
    const version = `${mtimeMs} ${ino} ${size}`;
    if (previous && version === read) return previous;
    const keys = adapt(readJwksFile(path)) as unknown as JSONWebKeySet;
    read = version;
    return keys;
  };
}

/**
 * A SPIFFE bundle names the use of its keys `jwt-svid` or `x509-svid` (SPIFFE Trust Domain and Bundle section 4.2.2),
 * which RFC 7517 does not define. The latter are for certificates and stay unusable here.
 */
function fromSpiffeBundle({ keys }: PublicKeySet): PublicKeySet {
  return { keys: keys.map((key) => (key['use'] === 'jwt-svid' ? { ...key, use: 'sig' } : key)) };
}

/**
 * Where an issuer publishes its keys: OpenID Connect Discovery section 4.
 * @throws when the document cannot be fetched, or names another issuer (section 4.3)
 */
async function discoverKeys(issuer: string, timeoutMs: number): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await fetchJson(url, timeoutMs);
  if (document['issuer'] !== issuer) throw new Error('Discovery answered for another issuer.');
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string' || !isSafeAddress(uri)) throw new Error('Discovery named no safe jwks_uri.');
  return uri;
}
