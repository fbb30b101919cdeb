import { ApiPropertyOptional } from '@nestjs/swagger';
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
