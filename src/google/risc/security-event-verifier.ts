import { Injectable } from '@nestjs/common';
import { compactVerify, errors, type JWTVerifyGetKey } from 'jose';
import { Settings } from '../../config/settings.js';
import { eventRefused, type SecurityEventToken } from '../../domain/google/security-event.js';
import { Clock } from '../../domain/ports/clock.js';
import { endpointsFor } from '../endpoints.js';
import { RiscDiscovery } from './risc-configuration.js';

/** RFC 7519 section 4.1.7 sets no limit; Google's are a tenth of this. */
const MAX_JTI = 255;
/** A time further in the future is not a time in seconds. */
const LARGEST_SKEW_SECONDS = 24 * 3600;

/**
 * Verifies security event tokens as Google's guide to Cross-Account Protection asks. `exp` is not checked: an event
 * does not expire. Neither is `typ`: RFC 8417 only recommends it. An id_token, signed with the same keys for the same audience,
 * is rejected because it has no `events`.
 */
@Injectable()
export class SecurityEventVerifier {
  readonly #discovery: RiscDiscovery;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
  ) {
    const { riscConfiguration } = endpointsFor(settings.googleStandInUrl);
    const milliseconds = () => this.clock.monotonicMs();
    this.#discovery = new RiscDiscovery(riscConfiguration, settings.googleTimeoutMs, milliseconds);
  }

  /**
   * @param clientIds one of them must be the audience
   * @throws {BrokerError} `invalid_request` with RFC 8935's `err` when the token is not from Google or not for the broker
   * @throws {GoogleFailure} `unavailable` when Google's keys cannot be read; the same token may be good later
   */
  async verify(token: string, clientIds: readonly string[]): Promise<SecurityEventToken> {
    const now = this.clock.now();
    const issuer = await this.#discovery.issuer();
    const claims = parse(await verifySignature(token, this.#discovery.keys));
    const { iss, jti, events } = claims;
    if (iss !== issuer) throw eventRefused('invalid_issuer', 'The issuer is not Google.');
    const audience = [claims['aud']].flat().filter((id) => typeof id === 'string');
    if (!audience.some((id) => clientIds.includes(id)))
      throw eventRefused('invalid_audience', 'The audience is none of the client ids of the broker.');
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI)
      throw eventRefused('invalid_request', 'The token has no usable jti.');
    if (!isObject(events) || Object.keys(events).length === 0)
      throw eventRefused('invalid_request', 'The token holds no events: it is not a security event token.');
    return { jti, issuer: iss, audience, occurredAt: timeOf(claims, now), events };
  }
}

async function verifySignature(token: string, keys: JWTVerifyGetKey): Promise<Uint8Array> {
  try {
    const { payload } = await compactVerify(token, keys, { algorithms: ['RS256'] });
    return payload;
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    const isKeyFault =
      error instanceof errors.JWSSignatureVerificationFailed ||
      error instanceof errors.JWKSNoMatchingKey ||
      error instanceof errors.JWKSMultipleMatchingKeys ||
      error instanceof errors.JOSEAlgNotAllowed;
    throw isKeyFault
      ? eventRefused('invalid_key', "The token is not signed with RS256 and one of Google's keys.")
      : eventRefused('invalid_request', 'The body is not a signed JWT in compact form.');
  }
}

function parse(payload: Uint8Array): Record<string, unknown> {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    if (isObject(claims)) return claims;
  } catch {
    // Refused below; the parser's own message would quote the claims.
  }
  throw eventRefused('invalid_request', "The token's claims are not a JSON object.");
}

/**
 * The latest time of the event: `toe` is when it happened, `iat` when Google issued the token (RFC 8417 section 2.2),
 * both in whole seconds. A time in the future is capped: it would outdate all later events of the account.
 */
function timeOf({ toe, iat }: Record<string, unknown>, now: Date): Date {
  const latest = now.getTime() / 1000 + LARGEST_SKEW_SECONDS;
  const isTime = (time: unknown) => typeof time === 'number' && time > 0 && time <= latest;
  const seconds = [toe, iat].find(isTime);
  if (typeof seconds !== 'number') return now;
  return new Date(Math.min(Math.floor(seconds) * 1000 + 999, now.getTime()));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
