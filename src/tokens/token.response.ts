import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { tokenIdOf } from '../access-tokens/grant-cache.js';
import { AccessPathResponse, toAccessPathResponse } from '../ads/access-path.response.js';
import type { FoundAccess } from '../ads/ads-access.service.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import { secondsLeft, secondsUntil } from '../domain/grant/token-freshness.js';
import { Secret } from '../domain/secret.js';
import type { SharedValues } from '../domain/cache-memory.js';
import { flatText } from '../domain/text.js';
import { AccountResponse } from '../http/validation/account.response.js';

class ChosenPath extends AccessPathResponse {
  @ApiProperty({
    type: [AccessPathResponse],
    description: 'Other access paths, the most powerful role first, then the shortest path',
  })
  alternatives!: AccessPathResponse[];

  @ApiProperty({ format: 'date-time', description: 'When the broker read the accounts from Google Ads' })
  synced_at!: string;
}

/** RFC 6749 section 5.1: what every response with a token has. */
export class BearerToken {
  @ApiProperty({ example: 'ya29.a0...' })
  access_token!: string;

  @ApiProperty({ example: 'Bearer' })
  token_type!: 'Bearer';

  @ApiProperty({ description: 'Seconds from now', example: 3412 })
  expires_in!: number;

  @ApiProperty({ description: 'The scopes of the token, separated by spaces' })
  scope!: string;
}

/** And whose token it is. The one declaration of this shape, which the OpenAPI document shows. */
export class TokenResponse extends BearerToken {
  @ApiProperty({ format: 'date-time' })
  expires_at!: string;

  @ApiProperty({ type: AccountResponse })
  account!: AccountResponse;

  @ApiProperty({ description: 'The alias of the Google client', example: 'default' })
  client!: string;

  @ApiProperty({
    description: 'Names this token, for `refused`: the first 16 hexadecimal digits of its SHA-256',
    example: '2f1c6f0b9d5a4e37',
  })
  token_id!: string;

  @ApiPropertyOptional({
    type: Object,
    additionalProperties: { type: 'string' },
    description: 'With customer_id: the headers to send with the token. Empty where access is direct',
    example: { 'login-customer-id': '1000000001' },
  })
  headers?: Readonly<Record<string, string>>;

  @ApiPropertyOptional({ type: ChosenPath, description: 'With customer_id: the chosen access path' })
  ads?: ChosenPath;
}

export function toTokenResponse(
  { account, client }: Grant,
  accessToken: AccessToken,
  now: Date,
): TokenResponse {
  const { token, expiresAt, scopes } = accessToken;
  return {
    access_token: token.reveal(),
    token_type: 'Bearer',
    expires_in: secondsLeft(expiresAt, now),
    expires_at: expiresAt.toISOString(),
    scope: scopes.join(' '),
    account: { sub: account.sub, email: account.email },
    client,
    token_id: tokenIdOf(accessToken),
  };
}

/** Serialized members behind `expires_in`, which stay the same as long as the token is served. No secret is in them. */
export interface SerializedRest {
  readonly before: string;
  /** What many users have in common. */
  readonly common: string;
  readonly after: string;
}

/** For the response cache. */
export function serializeRest({
  expires_at,
  scope,
  account,
  client,
  token_id,
}: TokenResponse): SerializedRest {
  return {
    before: flatText('"expires_at":', JSON.stringify(expires_at)),
    common: `,"scope":${JSON.stringify(scope)}`,
    after: flatText(',', JSON.stringify({ account, client, token_id }).slice(1)),
  };
}

const START = '{"access_token":"';
const MIDDLE = `","token_type":"${'Bearer' satisfies TokenResponse['token_type']}","expires_in":`;

/**
 * The body that Fastify would send (test/tokens/warm-path.test.ts compares them), serialized and measured once: only `expires_in`
 * changes from call to call. There is one for each user, so it holds nothing twice: not the token, which the grant cache has, too,
 * nor the scopes.
 */
export class SerializedToken {
  readonly #token: Secret;
  /** Milliseconds since 1970. */
  readonly #expiresAt: number;
  readonly #before: string;
  readonly #common: string;
  readonly #after: string;
  /** Bytes in UTF-8 beyond one for each character: 0 where the body is ASCII. */
  readonly moreBytes: number;

  constructor({ token, expiresAt }: AccessToken, rest: SerializedRest, shared: SharedValues) {
    const { before, common, after } = rest;
    const text = token.reveal();
    const escaped = JSON.stringify(text).slice(1, -1);
    this.#token = escaped === text ? token : new Secret(escaped);
    this.#expiresAt = expiresAt.getTime();
    this.#before = before;
    this.#common = shared.of(common);
    this.#after = after;
    const parts = [escaped, before, common, after];
    this.moreBytes = parts.reduce((sum, part) => sum + Buffer.byteLength(part) - part.length, 0);
  }

  at(now: Date): string {
    const seconds = secondsUntil(this.#expiresAt, now);
    return `${START}${this.#token.reveal()}${MIDDLE}${seconds},${this.#before}${this.#common}${this.#after}`;
  }
}

/** The members that `customer_id` adds. */
export function toAdsResponse({
  path,
  alternatives,
  syncedAt,
}: FoundAccess): Required<Pick<TokenResponse, 'headers' | 'ads'>> {
  return {
    headers: path.headerNeeded ? { 'login-customer-id': path.loginCustomerId } : {},
    ads: Object.assign(toAccessPathResponse(path), {
      alternatives: alternatives.map(toAccessPathResponse),
      synced_at: syncedAt.toISOString(),
    }),
  };
}
