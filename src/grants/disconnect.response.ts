import { ApiProperty } from '@nestjs/swagger';
import { maySeeGrant, type Policy } from '../domain/access/policy.js';
import type { Grant } from '../domain/grant/grant.js';
import { DISCONNECT_MODES } from './disconnect-grant.js';
import { GrantResponse } from './grant.response.js';

class SiblingResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  client!: string;

  @ApiProperty()
  user_id!: string;
}

export class AlsoRevokedResponse {
  @ApiProperty({ description: 'How many other grants Google ends with it, of any user' })
  also_revoked_total!: number;

  @ApiProperty({
    type: [SiblingResponse],
    description: 'Those of them that your policy covers; the first 100',
  })
  also_revoked!: SiblingResponse[];
}

export class DisconnectResponse extends AlsoRevokedResponse {
  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({ enum: DISCONNECT_MODES })
  mode!: string;

  @ApiProperty({ type: GrantResponse })
  disconnected!: GrantResponse;
}

const MAX_LISTED = 100;

/**
 * What a service may see of the grants that Google ends too: how many, and those that its policy covers.
 * @param policy null: an operator, who sees all of them
 */
export function toSiblingsResponse(
  siblings: readonly Grant[],
  policy: Policy | null,
): Pick<AlsoRevokedResponse, 'also_revoked_total' | 'also_revoked'> {
  const visible = siblings
    .filter((sibling) => policy === null || maySeeGrant(policy, sibling))
    .slice(0, MAX_LISTED);
  return {
    also_revoked_total: siblings.length,
    also_revoked: visible.map(({ id, client, userId }) => ({ id, client, user_id: userId })),
  };
}
