import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsUUID } from 'class-validator';
import type { Grant } from '../domain/grant.js';
import { missingScopes } from '../domain/scopes.js';

export class GrantPath {
  @ApiProperty({ format: 'uuid' })
  @IsUUID('all', { message: 'must be the id of a grant, as GET /users/:userId/grants lists it.' })
  id!: string;
}

export class DisconnectQuery {
  @ApiProperty({
    enum: ['local', 'revoke'],
    description:
      '`local` forgets here only; `revoke` ends it at Google, with every grant of this account in the project',
  })
  @IsIn(['local', 'revoke'], { message: 'must be local (forget here) or revoke (end it at Google too).' })
  mode!: 'local' | 'revoke';

  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Only says what would happen' })
  @IsOptional()
  @IsIn(['true', 'false'], { message: 'must be true or false.' })
  dry_run: 'true' | 'false' = 'false';
}

/** A grant as services see it: everything but its tokens. */
export class GrantAnswer {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  user_id!: string;

  @ApiProperty()
  client!: string;

  @ApiProperty({
    type: 'object',
    properties: { sub: { type: 'string' }, email: { type: 'string', nullable: true } },
  })
  account!: { sub: string; email: string | null };

  @ApiProperty({ enum: ['active', 'reconnect_required', 'revoked'] })
  status!: string;

  @ApiProperty({ description: 'What the user allowed' })
  scope!: string;

  @ApiProperty({ type: [String], description: 'What was asked for and not allowed' })
  missing_scopes!: string[];

  @ApiProperty({
    type: 'object',
    nullable: true,
    additionalProperties: true,
    description: 'Why the grant is dead',
  })
  diagnosis!: object | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  consented_at!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  refreshed_at!: string | null;
}

export function toGrantAnswer(grant: Grant): GrantAnswer {
  return {
    id: grant.id,
    user_id: grant.userId,
    client: grant.client,
    account: { ...grant.account },
    status: grant.status,
    scope: grant.grantedScopes.join(' '),
    missing_scopes: missingScopes(grant.requestedScopes, grant.grantedScopes),
    diagnosis: grant.diagnosis,
    created_at: grant.createdAt.toISOString(),
    consented_at: grant.consentedAt.toISOString(),
    refreshed_at: grant.refreshedAt?.toISOString() ?? null,
  };
}

export class DisconnectAnswer {
  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({ enum: ['local', 'revoke'] })
  mode!: string;

  @ApiProperty({ type: GrantAnswer })
  disconnected!: GrantAnswer;

  @ApiProperty({ type: [GrantAnswer], description: 'Grants that die with it at Google' })
  also_revoked!: GrantAnswer[];
}
