import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { maySeeGrant, type Policy } from '../domain/access/policy.js';
import type { Grant } from '../domain/grant/grant.js';
import { GrantResponse } from './grant.response.js';

export class DisconnectQuery {
  @ApiProperty({
    enum: ['local', 'revoke'],
    description:
      '`local` forgets here only; `revoke` ends it at Google, with every grant of this account in the project',
  })
  @IsIn(['local', 'revoke'], { message: 'must be local (forget here) or revoke (end it at Google too).' })
  mode!: 'local' | 'revoke';

  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Only reports what would happen' })
  @IsOptional()
  @IsIn(['true', 'false'], { message: 'must be true or false.' })
  dry_run: 'true' | 'false' = 'false';
}

class SiblingResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  client!: string;

  @ApiProperty()
  user_id!: string;
}

export class DisconnectResponse {
  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({ enum: ['local', 'revoke'] })
  mode!: string;

  @ApiProperty({ type: GrantResponse })
  disconnected!: GrantResponse;

  @ApiProperty({ description: 'How many other grants Google ends with it, of any user' })
  also_revoked_total!: number;

  @ApiProperty({
    type: [SiblingResponse],
    description: 'Those of them that your policy covers; the first 100',
  })
  also_revoked!: SiblingResponse[];
}

const MAX_LISTED = 100;

/** What a service may see of the grants that Google ends too: how many, and those that its policy covers. */
export function toSiblingsResponse(
  siblings: readonly Grant[],
  policy: Policy,
): Pick<DisconnectResponse, 'also_revoked_total' | 'also_revoked'> {
  const visible = siblings.filter((sibling) => maySeeGrant(policy, sibling)).slice(0, MAX_LISTED);
  return {
    also_revoked_total: siblings.length,
    also_revoked: visible.map(({ id, client, userId }) => ({ id, client, user_id: userId })),
  };
}
