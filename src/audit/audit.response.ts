import { ApiProperty } from '@nestjs/swagger';
import { NEXT_PAGE } from '../http/pagination/page.dto.js';
import type { AuditEvent } from '../token-store/audit/audit-events.repository.js';

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
