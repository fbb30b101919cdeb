import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { ToInteger } from '../validation/validators.js';

/** The query of every list. */
export class PageQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: 500, default: 100 })
  @IsOptional()
  @ToInteger()
  @IsInt({ message: 'must be a whole number.' })
  @Min(1, { message: 'must be 1 or more.' })
  @Max(500, { message: 'must be 500 or less.' })
  limit = 100;

  @ApiPropertyOptional({ description: '`next` of the page before; the other parameters stay as they were' })
  @IsOptional()
  @Matches(/^[\w.-]{1,2000}$/, { message: 'must be next of the page before, asked with the same filter.' })
  cursor?: string;
}

export const NEXT_PAGE =
  'The cursor of the next page; null on the last. A page can hold fewer than `limit`, even none, and have a next one';
