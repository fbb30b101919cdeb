import { Controller, Delete, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertMay, type Service } from '../domain/access/policy.js';
import { UNCONFIRMED_REVOCATION } from '../domain/google/oauth-failures.js';
import type { Grant } from '../domain/grant/grant.js';
import type { Page } from '../domain/list-position.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditFacts, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { ListQueue } from '../http/pagination/list-queue.js';
import { type CursorOf, PageCursors } from '../http/pagination/page-cursors.js';
import { PageQuery } from '../http/pagination/page.dto.js';
import { UserPath } from '../http/validation/user.dto.js';
import { NoQuery } from '../http/validation/no-query.dto.js';
import { DeclaredSettingsRepository } from '../token-store/declarations/declared-settings.repository.js';
import type { GrantPosition } from '../token-store/grants/grant-lists.repository.js';
import { DisconnectGrant, RIGHT_FOR } from './disconnect-grant.js';
import { DisconnectResponse, toSiblingsResponse } from './disconnect.response.js';
import { DisconnectQuery, ExpiringQuery, GrantPath } from './grants.dto.js';
import {
  GrantDetailResponse,
  GrantResponse,
  GrantsResponse,
  toGrantResponse,
  toSlotsResponse,
} from './grant.response.js';
import { VisibleGrants } from './visible-grants.js';

@Controller()
@ApiTags('grants')
@ApiBearerAuth()
export class GrantsController {
  constructor(
    private readonly declared: DeclaredSettingsRepository,
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly lists: ListQueue,
    private readonly grants: VisibleGrants,
    private readonly disconnectGrant: DisconnectGrant,
  ) {}

  @Get('users/:userId/grants')
  @Audited('grant.read', 'refusals')
  @Header('cache-control', 'no-store')
  @ApiOperation({ operationId: 'listGrants', summary: 'The grants of a user, the oldest first' })
  @ApiOkResponse({ type: GrantsResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async list(
    @Caller() service: Service,
    @Param() { userId }: UserPath,
    @Query() { limit, cursor }: PageQuery,
    @Audit() audit: AuditNote,
  ): Promise<GrantsResponse> {
    audit.add({ userId });
    const list: CursorOf = ['grants of a user', service.id, userId];
    const after = positionOf(await this.cursors.read(list, cursor));
    const page = await this.lists.run(service, () => this.grants.listOfUser(service, userId, after, limit));
    return this.#page(page, await this.cursors.write(list, toPosition(page.next)));
  }

  @Get('grants')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'listExpiringGrants',
    summary: 'Grants that expire soon unless their users act, soonest first',
  })
  @ApiOkResponse({ type: GrantsResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'rate_limited')
  async listExpiring(
    @Caller() service: Service,
    @Query() { expiring_within, limit, cursor }: ExpiringQuery,
  ): Promise<GrantsResponse> {
    const list: CursorOf = ['expiring grants', service.id, expiring_within];
    const position = await this.cursors.read(list, cursor);
    // All pages share the end time of the first.
    const until = position
      ? new Date(position['until'] ?? '')
      : new Date(this.clock.now().getTime() + expiring_within * 1000);
    const page = await this.lists.run(service, () =>
      this.grants.listExpiring(service, until, positionOf(position), limit),
    );
    const next = page.next && { ...toPosition(page.next), until: until.toISOString() };
    return this.#page(page, await this.cursors.write(list, next));
  }

  @Get('grants/:id')
  @Audited('grant.read', 'refusals')
  @Header('cache-control', 'no-store')
  @ApiOperation({ operationId: 'getGrant', summary: 'One grant, and the refresh-token slots of its account' })
  @ApiOkResponse({ type: GrantDetailResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_found', 'rate_limited')
  async inspect(
    @Caller() service: Service,
    @Param() { id }: GrantPath,
    @Query() _: NoQuery,
    @Audit() audit: AuditNote,
  ): Promise<GrantDetailResponse> {
    audit.add({ grantId: id });
    const grant = await this.grants.findById(service, id);
    const slots = toSlotsResponse(await this.grants.slotsOf(grant), service.policy);
    return Object.assign(await this.#toResponse(grant), { slots });
  }

  @Delete('grants/:id')
  @Audited('grant.disconnect')
  @Header('cache-control', 'no-store')
  @ApiOperation({ operationId: 'disconnectGrant', summary: 'Disconnect, here only or at Google too' })
  @ApiOkResponse({ type: DisconnectResponse })
  @ApiAcceptedResponse({
    type: DisconnectResponse,
    description: `${UNCONFIRMED_REVOCATION.meaning} ${UNCONFIRMED_REVOCATION.remedy}`,
  })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'not_found', 'rate_limited')
  async disconnect(
    @Caller() service: Service,
    @Param() { id }: GrantPath,
    @Query() { mode, dry_run }: DisconnectQuery,
    @Audit() audit: AuditNote,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DisconnectResponse> {
    audit.add({ grantId: id, details: { mode } });
    // Checked before the lookup: the refusal must not reveal whether the grant exists.
    assertMay(service, RIGHT_FOR[mode]);
    const grant = await this.grants.findById(service, id);
    audit.add(aboutGrant(grant));
    const dryRun = dry_run === 'true';
    if (dryRun) audit.omitSuccess();
    const requester = { actor: service.name, serviceId: service.id, requestId: request.id };
    const ended = dryRun
      ? await this.disconnectGrant.preview(grant, mode)
      : await this.disconnectGrant.disconnect(grant, mode, requester);
    const { also, isFinished, isAudited = false } = ended;
    if (isAudited) audit.omitSuccess();
    // A count only: services that read one user's audit trail may not see the other users.
    if (also.length > 0) audit.add({ details: { also_revoked: also.length } });
    if (!isFinished) {
      audit.add({ outcome: 'revoking' });
      void reply.status(202);
    }
    return {
      dry_run: dryRun,
      mode,
      disconnected: await this.#toResponse(ended.grant),
      ...toSiblingsResponse(also, service.policy),
    };
  }

  async #page({ items }: Page<Grant, GrantPosition>, next: string | null): Promise<GrantsResponse> {
    const testingClients = await this.declared.testingClients();
    return { grants: items.map((grant) => toGrantResponse(grant, testingClients)), next };
  }

  async #toResponse(grant: Grant): Promise<GrantResponse> {
    return toGrantResponse(grant, await this.declared.testingClients());
  }
}

function toPosition(position: GrantPosition | null): Record<string, string> | null {
  return position && { at: position.at.toISOString(), id: position.id };
}

function positionOf(read: Readonly<Record<string, string>> | null): GrantPosition | null {
  return read && { at: new Date(read['at'] ?? ''), id: read['id'] ?? '' };
}

function aboutGrant({ id, userId, client }: Grant): AuditFacts {
  return { grantId: id, userId, client };
}
