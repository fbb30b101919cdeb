import { ApiProperty } from '@nestjs/swagger';
import { secondsLeft } from '../domain/freshness.js';
import type { AccessToken, Grant } from '../domain/grant.js';

class AccountAnswer {
  @ApiProperty({ example: '103400000000000000001' })
  sub!: string;

  @ApiProperty({ type: String, nullable: true, example: 'alice@example.com' })
  email!: string | null;
}

/** The members of RFC 6749 section 5.1, and whose token it is. */
export class TokenAnswer {
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

  @ApiProperty({ type: AccountAnswer })
  account!: AccountAnswer;

  @ApiProperty({ description: 'The alias of the Google client', example: 'default' })
  client!: string;
}

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
  },
} as const;

export function answerOf({ account, client }: Grant, token: AccessToken, now: Date): TokenAnswer {
  return {
    access_token: token.token.reveal(),
    token_type: 'Bearer',
    expires_in: secondsLeft(token.expiresAt, now),
    expires_at: token.expiresAt.toISOString(),
    scope: token.scopes.join(' '),
    account: { sub: account.sub, email: account.email },
    client,
  };
}
