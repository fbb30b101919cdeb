import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { PageQuery } from '../http/pagination/page.dto.js';
import { ToInteger } from '../http/validation/validators.js';
import { DISCONNECT_MODES, type DisconnectMode } from './disconnect-grant.js';

const YEAR_SECONDS = 366 * 24 * 3600;

export class DisconnectQuery {
  @ApiProperty({
    enum: DISCONNECT_MODES,
    description:
      '`local` deletes it here only; `revoke` ends it at Google, with every grant of this account in the project',
  })
  @IsIn(DISCONNECT_MODES, { message: 'must be local (delete it here) or revoke (end it at Google too).' })
  mode!: DisconnectMode;

  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Only reports what would happen' })
  @IsOptional()
  @IsIn(['true', 'false'], { message: 'must be true or false.' })
  dry_run: 'true' | 'false' = 'false';
}

export class GrantPath {
  @ApiProperty({ format: 'uuid' })
  @IsUUID('all', { message: 'must be the id of a grant, as GET /users/:userId/grants lists it.' })
  id!: string;
}

export class ExpiringQuery extends PageQuery {
  @ApiProperty({ description: 'Seconds from now', example: 604_800 })
  @ToInteger()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(0, { message: 'must be 0 or more.' })
  @Max(YEAR_SECONDS, { message: 'must be a year or less.' })
  expiring_within!: number;
}
