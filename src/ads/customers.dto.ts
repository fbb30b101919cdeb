import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { PageQuery } from '../http/pagination/page.query.js';
import { IsAccount, IsClientAlias, ToInteger } from '../http/validation/validators.js';

export class CustomersQuery extends PageQuery {
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

  @ApiPropertyOptional({
    description:
      'How old the answer may be, in seconds; less than ADS_MIN_AGE of the broker counts as that. By default ADS_MAX_AGE of the broker',
    type: Number,
  })
  @IsOptional()
  @ToInteger()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(0, { message: 'must be 0 or more.' })
  @Max(31_622_400, { message: 'must be a year or less.' })
  max_age?: number;
}
