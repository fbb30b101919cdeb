import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { Grant } from '../domain/grant.js';
import { maySeeUser, type Policy } from '../domain/policy.js';
import { GrantAnswer } from './grant-answer.js';

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

class SiblingAnswer {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  client!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Null where your policy does not cover the user',
  })
  user_id!: string | null;
}

export class DisconnectAnswer {
  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({ enum: ['local', 'revoke'] })
  mode!: string;

  @ApiProperty({ type: GrantAnswer })
  disconnected!: GrantAnswer;

  @ApiProperty({ type: [SiblingAnswer], description: 'Grants that die with it at Google' })
  also_revoked!: SiblingAnswer[];
}

export function toSiblingAnswer({ id, client, userId }: Grant, policy: Policy): SiblingAnswer {
  return { id, client, user_id: maySeeUser(policy, userId) ? userId : null };
}
