import { ApiProperty } from '@nestjs/swagger';
import type { Policy } from '../domain/access/policy.js';
import { AccountResponse } from '../http/validation/account.response.js';
import { AlsoRevokedResponse, toSiblingsResponse } from './disconnect.response.js';
import { DISCONNECT_MODES, type EndedGrant, OUTCOMES, REASONS } from './end-grants.js';
import type { Offboarded } from './offboard-user.js';

class EndedGrantResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  client!: string;

  @ApiProperty({ type: AccountResponse })
  account!: AccountResponse;

  @ApiProperty({
    enum: OUTCOMES,
    description:
      '`revoked`: ended at Google and deleted here. `revoking`: gives no tokens any more; the broker retries until Google ' +
      'confirms, and deletes it then. `deleted`: deleted here, and Google was not asked. `kept`: nothing happened',
  })
  outcome!: (typeof OUTCOMES)[number];

  @ApiProperty({
    enum: REASONS,
    type: String,
    nullable: true,
    description:
      'Why Google is not asked with `mode=revoke`. `dead`: the grant gave no tokens any more. `service_account`: its key is ' +
      'deleted in the Google console. `client_unknown`: its client is not configured; use `mode=local`',
  })
  reason!: (typeof REASONS)[number] | null;
}

export class OffboardResponse extends AlsoRevokedResponse {
  @ApiProperty({ example: 'alice' })
  user_id!: string;

  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({ enum: DISCONNECT_MODES })
  mode!: string;

  @ApiProperty({ description: 'False: call it again, until it is true' })
  complete!: boolean;

  @ApiProperty({
    type: [EndedGrantResponse],
    description: 'What became of each, the oldest first; 100 a call',
  })
  grants!: EndedGrantResponse[];

  @ApiProperty({ description: 'Delegated credentials for this user that were revoked' })
  credentials_revoked!: number;

  @ApiProperty({ description: 'Connects of this user under way that were cancelled: they bring no grant' })
  connects_cancelled!: number;
}

/** @param policy null: an operator, who sees everything */
export function toOffboardResponse(
  { grants, also, credentials, connects, isComplete }: Offboarded,
  policy: Policy | null,
) {
  return {
    complete: isComplete,
    grants: grants.map(toEndedResponse),
    credentials_revoked: credentials,
    connects_cancelled: connects,
    ...toSiblingsResponse(also, policy),
  };
}

function toEndedResponse({ grant, outcome, reason }: EndedGrant): EndedGrantResponse {
  const { id, client, account } = grant;
  return { id, client, account: { sub: account.sub, email: account.email }, outcome, reason };
}
