import type { JWTVerifyGetKey } from 'jose';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import { CachedResource, ResourceUnavailable } from '../../outbound/cached-resource.js';
import { fetchJson } from '../../outbound/fetch-json.js';
import { googleKeys } from '../google-keys.js';

interface Discovered {
  readonly issuer: string;
  readonly jwksUri: string;
}

/** The document hardly ever changes. */
const TIMES = { freshMs: 24 * 3600_000, staleMs: 24 * 3600_000, cooldownMs: 30_000, retryMs: 5_000 };

/** Google's discovery document for Cross-Account Protection, read once a day, and the keys that it names. */
export class RiscDiscovery {
  readonly #document: CachedResource<Discovered>;
  readonly #keys: JWTVerifyGetKey;

  /** @param now milliseconds */
  constructor(url: string, timeoutMs: number, now: () => number) {
    this.#document = new CachedResource(
      async () => readDocument(await fetchJson(url, timeoutMs)),
      now,
      TIMES,
    );
    this.#keys = googleKeys(async () => (await this.#document.get()).jwksUri, timeoutMs, now);
  }

  /**
   * The issuer of security events.
   * @throws {GoogleFailure} `unavailable` when it cannot be read and was never read before
   */
  async issuer(): Promise<string> {
    return (await this.#document.get().catch(unreadable)).issuer;
  }

  /**
   * A missing key is the token's fault; keys that cannot be fetched are not.
   * @throws {GoogleFailure} `unavailable`
   */
  get keys(): JWTVerifyGetKey {
    return async (header, token) => {
      try {
        return await this.#keys(header, token);
      } catch (error) {
        return unreadable(error);
      }
    };
  }
}

function readDocument({ issuer, jwks_uri: jwksUri }: Readonly<Record<string, unknown>>): Discovered {
  if (typeof issuer !== 'string' || typeof jwksUri !== 'string' || !URL.canParse(jwksUri)) {
    throw new Error('The risc-configuration is not as documented.');
  }
  return { issuer, jwksUri };
}

function unreadable(error: unknown): never {
  throw error instanceof ResourceUnavailable ? new GoogleFailure('unavailable', 'keys_unreadable') : error;
}
