import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { PageQuery } from '../http/pagination/page.dto.js';
import { OptionalAccount, OptionalClientAlias, ToInteger } from '../http/validation/validators.js';

export class CustomersQuery extends PageQuery {
  @OptionalClientAlias()
  client?: string;

  @OptionalAccount()
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
