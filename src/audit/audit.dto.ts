import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { AUDIT_ACTIONS, type AuditAction } from '../domain/audit-entry.js';
import { NEXT_PAGE, PageQuery } from '../http/pagination/page.query.js';
import { IsTime, IsUserId } from '../http/validation/validators.js';
import type { AuditEvent } from '../token-store/audit/audit-events.repository.js';

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

class AuditEventResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ description: 'How often: equal token events within a moment are one event', example: 1 })
  count!: number;

  @ApiProperty({ format: 'date-time', description: 'When the last of them happened' })
  last_at!: string;

  @ApiProperty({ example: 'token.issue' })
  action!: string;

  @ApiProperty({ description: '`ok`, another success of the action, or the code of the refusal' })
  outcome!: string;

  @ApiProperty({ description: "Who acted: a service's name, or `user`, `google`, `operator`, `broker`" })
  actor!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The service that acted, or that the event concerns',
  })
  service_id!: string | null;

  @ApiProperty({ type: String, nullable: true })
  user_id!: string | null;

  @ApiProperty({ type: String, nullable: true })
  client!: string | null;

  @ApiProperty({ type: String, nullable: true, format: 'uuid' })
  grant_id!: string | null;

  @ApiProperty({ type: String, nullable: true, description: "Names the call in the broker's log" })
  request_id!: string | null;

  @ApiProperty({ type: Object, additionalProperties: true })
  details!: object;
}

export class AuditResponse {
  @ApiProperty({ type: [AuditEventResponse], description: 'Newest first' })
  events!: AuditEventResponse[];

  @ApiProperty({ type: String, nullable: true, description: NEXT_PAGE })
  next!: string | null;
}

export function toAuditEventResponse(event: AuditEvent): AuditEventResponse {
  return {
    id: event.id,
    at: event.at.toISOString(),
    count: event.count,
    last_at: event.lastAt.toISOString(),
    action: event.action,
    outcome: event.outcome,
    actor: event.actor,
    service_id: event.serviceId,
    user_id: event.userId,
    client: event.client,
    grant_id: event.grantId,
    request_id: event.requestId,
    details: event.details,
  };
}
