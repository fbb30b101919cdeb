import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { CALLING_ROLES } from '../domain/ads/access-role.js';
import { CUSTOMER_ID } from '../domain/ads/account-tree.js';
import {
  OptionalAccount,
  OptionalClientAlias,
  IsHttpUrl,
  IsScopeList,
  IsTime,
  ToInteger,
} from '../http/validation/validators.js';

const IsCallingRole = () => IsIn(CALLING_ROLES, { message: 'must be READ_ONLY, STANDARD or ADMIN.' });

export class TokenQuery {
  @OptionalClientAlias()
  client?: string;

  @OptionalAccount()
  account?: string;

  @ApiPropertyOptional({ description: 'Scopes that the token must cover, separated by spaces' })
  @IsOptional()
  @IsScopeList()
  scope?: string;

  @ApiPropertyOptional({
    description: 'The minimum remaining lifetime, in seconds',
    type: Number,
    default: 300,
  })
  @IsOptional()
  @ToInteger()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(0, { message: 'must be 0 or more.' })
  @Max(3000, { message: 'must be 3000 or less: tokens of Google live an hour.' })
  min_ttl = 300;

  @ApiPropertyOptional({
    description:
      '`token_id` of a token that Google refused: this token is replaced, once for all who name it',
  })
  @IsOptional()
  @Matches(/^[0-9a-f]{16}$/i, { message: 'must be a token_id: 16 hexadecimal digits.' })
  refused?: string;

  @ApiPropertyOptional({
    description:
      'Where the link of a refusal leads the browser afterwards; its origin must be in RETURN_TO_ORIGINS',
  })
  @IsOptional()
  @IsHttpUrl()
  return_to?: string;

  @ApiPropertyOptional({
    description: 'The Google Ads account to call, such as 123-456-7890: adds the header that its calls need',
  })
  @IsOptional()
  @Matches(CUSTOMER_ID, { message: 'must be a customer id: digits, or 123-456-7890.' })
  customer_id?: string;

  @ApiPropertyOptional({
    description: 'The minimum role on customer_id',
    enum: CALLING_ROLES,
  })
  @IsOptional()
  @IsCallingRole()
  min_role?: string;

  @ApiPropertyOptional({
    description:
      'The most powerful role to act with on customer_id: a path of more is not chosen, and refused where there is no other',
    enum: CALLING_ROLES,
  })
  @IsOptional()
  @IsCallingRole()
  max_role?: string;

  @ApiPropertyOptional({
    description: '`ads.synced_at` of the response whose header Google refused with USER_PERMISSION_DENIED',
    format: 'date-time',
  })
  @IsOptional()
  @IsTime()
  denied_synced_at?: string;
}
