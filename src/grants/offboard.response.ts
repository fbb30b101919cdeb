import { ApiProperty } from '@nestjs/swagger';
import type { Policy } from '../domain/access/policy.js';
import { UNCONFIRMED_REVOCATION } from '../domain/google/oauth-failures.js';
import {
  ENDED_GRANT_OUTCOMES,
  type EndedGrantOutcome,
  NOT_ASKED_REASONS,
  type NotAskedReason,
} from '../domain/grant/ended-grant.js';
import { AccountResponse } from '../http/validation/account.response.js';
import { AlsoRevokedResponse, toSiblingsResponse } from './disconnect.response.js';
import { DISCONNECT_MODES } from './disconnect-grant.js';
import type { EndedGrant } from './end-grants.js';
import type { Offboarded } from './offboard-user.js';

const { revoked, revoking, deleted, kept } = ENDED_GRANT_OUTCOMES;
const { dead, service_account, client_unknown, integrity_failed } = NOT_ASKED_REASONS;

class EndedGrantResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  client!: string;

  @ApiProperty({ type: AccountResponse })
  account!: AccountResponse;

  @ApiProperty({
    enum: Object.keys(ENDED_GRANT_OUTCOMES),
    description:
      `\`revoked\`: ${revoked.meaning}. \`revoking\`: ${revoking.meaning}; it is deleted once that is done. ` +
      `${UNCONFIRMED_REVOCATION.remedy} \`deleted\`: ${deleted.meaning}. \`kept\`: ${kept.meaning}`,
  })
  outcome!: EndedGrantOutcome;

  @ApiProperty({
    enum: Object.keys(NOT_ASKED_REASONS),
    type: String,
    nullable: true,
    description:
      `Why Google is not asked with \`mode=revoke\`. \`dead\`: ${dead}. \`service_account\`: ${service_account}. ` +
      `\`client_unknown\`: ${client_unknown}; use \`mode=local\`. ` +
      `\`integrity_failed\`: ${integrity_failed}; once it is looked into, use \`mode=local\``,
  })
  reason!: NotAskedReason | null;
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
