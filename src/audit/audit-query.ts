import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { AuditEvent, AuditPosition } from '../domain/ports/audit-trail.js';
import { IsTime, IsUserId, ToInteger } from '../http/field-rules.js';

export class AuditQueryInput {
  @ApiPropertyOptional({ description: 'Only events about this user' })
  @IsOptional()
  @IsUserId()
  user?: string;

  @ApiPropertyOptional({ description: 'Only events of this service, by name or id' })
  @IsOptional()
  @IsString()
  @MaxLength(80)
  service?: string;

  @ApiPropertyOptional({ description: 'Only events from this time on', example: '2026-11-21T12:00:00Z' })
  @IsOptional()
  @IsTime()
  since?: string;

  @ApiPropertyOptional({ minimum: 1, maximum: 500, default: 100 })
  @IsOptional()
  @ToInteger()
  @IsInt({ message: 'must be a whole number.' })
  @Min(1, { message: 'must be 1 or more.' })
  @Max(500, { message: 'must be 500 or less.' })
  limit = 100;

  @ApiPropertyOptional({ description: '`next` of the page before' })
  @IsOptional()
  @Matches(/^[\w-]{1,200}$/, { message: 'must be next, as the page before gave it.' })
  cursor?: string;
}

class AuditEventAnswer {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ description: 'How often: tokens issued alike within a moment are one event', example: 1 })
  count!: number;

  @ApiProperty({ format: 'date-time', description: 'When the last of them happened' })
  last_at!: string;

  @ApiProperty({ example: 'token.issue' })
  action!: string;

  @ApiProperty({ description: '`ok`, another good end of the action, or the code of the refusal' })
  outcome!: string;

  @ApiProperty({ description: "Who acted: a service's name, or `user`, `google`, `operator`, `broker`" })
  actor!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The service that acted, or that is concerned' })
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

export class AuditAnswer {
  @ApiProperty({ type: [AuditEventAnswer], description: 'Newest first' })
  events!: AuditEventAnswer[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page; null on the last' })
  next!: string | null;
}

export function toAuditEventAnswer(event: AuditEvent): AuditEventAnswer {
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

export function writeCursor({ at, sequence }: AuditPosition): string {
  return Buffer.from(`${at.toISOString()} ${sequence.toString()}`).toString('base64url');
}

const CURSOR = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\d{1,18})$/;

/** @returns null when it is none of ours */
export function readCursor(cursor: string): AuditPosition | null {
  const [, at = '', sequence = ''] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  // PostgreSQL has no year 0.
  const isTime = !Number.isNaN(Date.parse(at)) && new Date(at).getUTCFullYear() >= 1;
  return isTime ? { at: new Date(at), sequence: BigInt(sequence) } : null;
}
