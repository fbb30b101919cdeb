import { Controller, Delete, Header, Param, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertAllowed, assertMay, type Policy, type Service } from '../domain/access/policy.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/openapi.js';
import { AccountResponse } from '../http/validation/account.response.js';
import { UserPath } from '../http/validation/validators.js';
import {
  AlsoRevokedResponse,
  DisconnectQuery,
  RIGHT_FOR,
  toSiblingsResponse,
} from './disconnect.response.js';
import { DISCONNECT_MODES, type EndedGrant, OUTCOMES, REASONS } from './end-grants.js';
import { countsOf, type Offboarded, OffboardUser } from './offboard-user.js';

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

/** Owns DELETE /users/:userId: which rights it needs, and the form of the report. */
@Controller('users')
@ApiTags('grants')
@ApiBearerAuth()
export class UsersController {
  constructor(private readonly offboardUser: OffboardUser) {}

  @Delete(':userId')
  @Audited('user.forget')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'offboardUser',
    summary: 'End all that the broker holds for a user: grants, delegated credentials, connects under way',
    description:
      'Repeat it until `complete` is true; a user without grants is no error. With `mode=revoke` Google ends every grant of ' +
      "these accounts in the project, other users' included: see `dry_run=true` first. Audit events stay, as long as they are kept.",
  })
  @ApiOkResponse({ type: OffboardResponse, description: 'Complete, or a dry run' })
  @ApiAcceptedResponse({ type: OffboardResponse, description: 'Begun, and not complete: call it again' })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async offboard(
    @Caller() service: Service,
    @Param() { userId }: UserPath,
    @Query() { mode, dry_run }: DisconnectQuery,
    @Audit() audit: AuditNote,
    @Req() { id: requestId }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OffboardResponse> {
    audit.add({ userId, details: { mode } });
    const { policy, id: serviceId, name: actor } = service;
    assertMay(service, RIGHT_FOR[mode]);
    assertAllowed(service, userId, policy.clients[0] ?? '', []);
    const request = { userId, mode, policy, by: { actor, serviceId, requestId } };
    const isDryRun = dry_run === 'true';
    if (isDryRun) audit.omitSuccess();
    const result = isDryRun
      ? await this.offboardUser.preview(request)
      : await this.offboardUser.offboard(request);
    audit.add({ details: countsOf(result), ...(result.isComplete ? {} : { outcome: 'incomplete' }) });
    if (!isDryRun && !result.isComplete) void reply.status(202);
    return { dry_run: isDryRun, user_id: userId, mode, ...toOffboardResponse(result, policy) };
  }
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
