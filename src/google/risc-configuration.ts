import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { GoogleFailure } from '../domain/google-failure.js';
import { classifyLostRequest } from './classify-failure.js';

/** Who signs security events, and how to get the keys. */
export interface RiscConfiguration {
  readonly issuer: string;
  readonly keys: JWTVerifyGetKey;
}

/** The document changes about never; the keys, which do, are kept and renewed by `jose`. */
const KEEP_MS = 24 * 3600 * 1000;

/** Google's discovery document for Cross-Account Protection, read once a day. */
export class RiscDiscovery {
  #kept: { readonly until: number; readonly configuration: RiscConfiguration } | null = null;
  #underWay: Promise<RiscConfiguration> | null = null;

  constructor(
    private readonly url: string,
    private readonly timeoutMs: number,
  ) {}

  /** @throws {GoogleFailure} `unavailable` when it cannot be read and was never read before */
  async get(now: Date): Promise<RiscConfiguration> {
    if (this.#kept && now.getTime() < this.#kept.until) return this.#kept.configuration;
    this.#underWay ??= this.#read().finally(() => (this.#underWay = null));
    try {
      const configuration = await this.#underWay;
      this.#kept = { until: now.getTime() + KEEP_MS, configuration };
      return configuration;
    } catch (error) {
      if (this.#kept) return this.#kept.configuration;
      throw error;
    }
  }

  async #read(): Promise<RiscConfiguration> {
    const document = await this.#fetch();
    const { issuer, jwks_uri: jwksUri } = document;
    if (typeof issuer !== 'string' || typeof jwksUri !== 'string' || !URL.canParse(jwksUri)) {
      throw new GoogleFailure(
        'unavailable',
        'invalid_response',
        'The risc-configuration is not as documented.',
      );
    }
    return { issuer, keys: keysAt(new URL(jwksUri), this.timeoutMs) };
  }

  async #fetch(): Promise<Record<string, unknown>> {
    try {
      const response = await fetch(this.url, {
        redirect: 'error',
        signal: AbortSignal.timeout(this.timeoutMs),
      });
      const json: unknown = response.ok ? await response.json() : null;
      if (typeof json === 'object' && json !== null) return json as Record<string, unknown>;
      throw new GoogleFailure('unavailable', `http_${response.status}`);
    } catch (error) {
      throw error instanceof GoogleFailure ? error : classifyLostRequest(error);
    }
  }
}

/** A key that is not there is the token's fault; keys that cannot be read are not. */
function keysAt(url: URL, timeoutMs: number): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(url, { timeoutDuration: timeoutMs });
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
        throw error;
      throw new GoogleFailure('unavailable', 'keys_unreadable');
    }
  };
}
