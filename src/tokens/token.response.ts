import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { AccessPathResponse } from '../ads/access-path.response.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import { secondsLeft } from '../domain/grant/token-freshness.js';
import { AccountResponse } from '../http/validation/account.response.js';

class ChosenPath extends AccessPathResponse {
  @ApiProperty({
    type: [AccessPathResponse],
    description: 'Other ways, the most powerful role first, then the shortest path',
  })
  alternatives!: AccessPathResponse[];

  @ApiProperty({ format: 'date-time', description: 'As of when' })
  synced_at!: string;
}

/** What comes with `customer_id`. */
export interface AdsResponse {
  readonly headers: Readonly<Record<string, string>>;
  readonly ads: ChosenPath;
}

/** The members of RFC 6749 section 5.1, and whose token it is. */
export class TokenResponse {
  @ApiProperty({ example: 'ya29.a0...' })
  access_token!: string;

  @ApiProperty({ example: 'Bearer' })
  token_type!: 'Bearer';

  @ApiProperty({ description: 'Seconds from now', example: 3412 })
  expires_in!: number;

  @ApiProperty({ format: 'date-time' })
  expires_at!: string;

  @ApiProperty({ description: 'What the token is good for, separated by spaces' })
  scope!: string;

  @ApiProperty({ type: AccountResponse })
  account!: AccountResponse;

  @ApiProperty({ description: 'The alias of the Google client', example: 'default' })
  client!: string;

  @ApiPropertyOptional({
    type: Object,
    additionalProperties: { type: 'string' },
    description:
      'With customer_id: what to send beside the token. Empty where direct access makes it unnecessary',
    example: { 'login-customer-id': '1000000001' },
  })
  headers?: Readonly<Record<string, string>>;

  @ApiPropertyOptional({ type: ChosenPath, description: 'With customer_id: the way that was chosen' })
  ads?: ChosenPath;
}

const WAY = {
  login_customer_id: { type: 'string' },
  role: { type: ['string', 'null'] },
  distance: { type: 'integer' },
  header_needed: { type: 'boolean' },
} as const;

/** The same for Fastify, which compiles a serialiser of it. */
export const TOKEN_ANSWER_SCHEMA = {
  type: 'object',
  properties: {
    access_token: { type: 'string' },
    token_type: { type: 'string' },
    expires_in: { type: 'integer' },
    expires_at: { type: 'string' },
    scope: { type: 'string' },
    account: {
      type: 'object',
      properties: { sub: { type: 'string' }, email: { type: ['string', 'null'] } },
    },
    client: { type: 'string' },
    headers: { type: 'object', additionalProperties: { type: 'string' } },
    ads: {
      type: 'object',
      properties: {
        ...WAY,
        alternatives: { type: 'array', items: { type: 'object', properties: WAY } },
        synced_at: { type: 'string' },
      },
    },
  },
} as const;

/** What of an answer stays the same as long as its token is given; nothing secret. */
export type CachedResponse = Omit<TokenResponse, 'access_token' | 'expires_in'>;

export function cachedResponse(
  { account, client }: Grant,
  { expiresAt, scopes }: AccessToken,
): CachedResponse {
  return {
    token_type: 'Bearer',
    expires_at: expiresAt.toISOString(),
    scope: scopes.join(' '),
    account: { sub: account.sub, email: account.email },
    client,
  };
}

export function answerOf(
  lasting: CachedResponse,
  { token, expiresAt }: AccessToken,
  now: Date,
): TokenResponse {
  return { access_token: token.reveal(), expires_in: secondsLeft(expiresAt, now), ...lasting };
}
