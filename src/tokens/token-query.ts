import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { IsAccount, IsClientAlias, IsScopeList, ToInteger } from '../http/field-rules.js';

export class TokenQuery {
  @ApiPropertyOptional({
    description: 'The alias of the Google client; may be left out when there is a default',
  })
  @IsOptional()
  @IsClientAlias()
  client?: string;

  @ApiPropertyOptional({ description: "Which of the user's accounts, by sub or email" })
  @IsOptional()
  @IsAccount()
  account?: string;

  @ApiPropertyOptional({ description: 'What the token must be good for, separated by spaces' })
  @IsOptional()
  @IsScopeList()
  scope?: string;

  @ApiPropertyOptional({
    description: 'The least remaining lifetime you accept, in seconds',
    type: Number,
    default: 300,
  })
  @IsOptional()
  @ToInteger()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(0, { message: 'must be 0 or more.' })
  @Max(3000, { message: 'must be 3000 or less: tokens of Google live an hour.' })
  min_ttl = 300;
}

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
