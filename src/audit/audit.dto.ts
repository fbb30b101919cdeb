import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { AUDIT_ACTIONS, type AuditAction } from '../domain/audit-entry.js';
import { PageQuery } from '../http/pagination/page.dto.js';
import { IsTime, IsUserId } from '../http/validation/validators.js';

export class AuditPageQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Only events about this user' })
  @IsOptional()
  @IsUserId()
  user?: string;

  @ApiPropertyOptional({ description: 'Only events of this service, by name or id' })
  @IsOptional()
  @IsString()
  @MaxLength(80)
  service?: string;

  @ApiPropertyOptional({ enum: AUDIT_ACTIONS, description: 'Only events of this action' })
  @IsOptional()
  @IsIn(AUDIT_ACTIONS, { message: 'must be an action that docs/audit.md lists, such as grant.disconnect.' })
  action?: AuditAction;

  @ApiPropertyOptional({ description: 'Only events from this time on, such as 2026-11-21T12:00:00Z' })
  @IsOptional()
  @IsTime()
  since?: string;

  @ApiPropertyOptional({ description: 'Only events before this time' })
  @IsOptional()
  @IsTime()
  until?: string;
}

export class AuditExportQuery {
  @ApiPropertyOptional({
    description:
      'The `cursor` of the last line that you have; or from which time on, such as 2026-11-21T12:00:00Z',
  })
  @IsOptional()
  @IsString()
  @MaxLength(80)
  after?: string;
}
