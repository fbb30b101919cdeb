import { Controller, Delete, Header, Param, Query, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertAllowed, assertMay, type Service } from '../domain/access/policy.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { UserPath } from '../http/validation/user.dto.js';
import { RIGHT_FOR } from './disconnect-grant.js';
import { DisconnectQuery } from './grants.dto.js';
import { countsOf, OffboardUser } from './offboard-user.js';
import { OffboardResponse, toOffboardResponse } from './offboard.response.js';

/** Owns DELETE /users/:userId: which rights it needs, and the form of the report. */
@Controller('users')
@ApiTags('grants')
@ApiBearerAuth()
export class UsersController {
  constructor(private readonly offboardUser: OffboardUser) {}

  @Delete(':userId')
  @Audited('user.offboard')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'offboardUser',
    summary: 'End all that the broker holds for a user: grants, delegated credentials, connects under way',
    description:
      'Repeat it until `complete` is true; a user without grants is not an error. With `mode=revoke` Google ends every grant of ' +
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
