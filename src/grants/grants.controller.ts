import { Controller, Delete, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiTags,
} from '@nestjs/swagger';
import { IsInt, IsUUID, Max, Min } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { REVOKING } from '../domain/diagnosis.js';
import type { Grant } from '../domain/grant.js';
import type { Service } from '../domain/policy.js';
import { Audit, Audited, type AuditFacts, type AuditNote } from '../http/audited.js';
import { Caller } from '../http/caller.js';
import { ToInteger } from '../http/field-rules.js';
import { ApiProblems } from '../http/openapi.js';
import { UserPath } from '../http/user-path.js';
import { DisconnectAnswer, DisconnectQuery, toSiblingAnswer } from './disconnect-answer.js';
import { DisconnectGrant, type Revoked } from './disconnect-grant.js';
import { FindExpiringGrants } from './find-expiring-grants.js';
import { FindVisibleGrants } from './find-visible-grants.js';
import { GrantAnswer, GrantDetailAnswer, toGrantAnswer, toSlotsAnswer } from './grant-answer.js';
import { InspectSlots } from './inspect-slots.js';

const YEAR_SECONDS = 366 * 24 * 3600;

class GrantPath {
  @ApiProperty({ format: 'uuid' })
  @IsUUID('all', { message: 'must be the id of a grant, as GET /users/:userId/grants lists it.' })
  id!: string;
}

class ExpiringQuery {
  @ApiProperty({ description: 'Seconds from now', example: 604_800 })
  @ToInteger()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(0, { message: 'must be 0 or more.' })
  @Max(YEAR_SECONDS, { message: 'must be a year or less.' })
  expiring_within!: number;
}

@Controller()
@ApiTags('grants')
@ApiBearerAuth()
export class GrantsController {
  constructor(
    private readonly settings: Settings,
    private readonly visible: FindVisibleGrants,
    private readonly expiring: FindExpiringGrants,
    private readonly inspectSlots: InspectSlots,
    private readonly disconnectGrant: DisconnectGrant,
  ) {}

  @Get('users/:userId/grants')
  @Audited('grant.read', 'refusals')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'All grants of a user' })
  @ApiOkResponse({ type: [GrantAnswer] })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async list(
    @Caller() service: Service,
    @Param() { userId }: UserPath,
    @Audit() audit: AuditNote,
  ): Promise<GrantAnswer[]> {
    audit.add({ userId });
    return (await this.visible.ofUser(service, userId)).map((grant) => this.#answer(grant));
  }

  @Get('grants')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Grants that will die soon if nobody does anything, soonest first' })
  @ApiOkResponse({ type: [GrantAnswer] })
  @ApiProblems('invalid_request', 'unauthenticated', 'rate_limited')
  async soon(@Caller() service: Service, @Query() query: ExpiringQuery): Promise<GrantAnswer[]> {
    return (await this.expiring.within(query.expiring_within, service)).map((grant) => this.#answer(grant));
  }

  @Get('grants/:id')
  @Audited('grant.read', 'refusals')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'One grant, and how the slots of its account stand' })
  @ApiOkResponse({ type: GrantDetailAnswer })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'not_found', 'rate_limited')
  async inspect(
    @Caller() service: Service,
    @Param() { id }: GrantPath,
    @Audit() audit: AuditNote,
  ): Promise<GrantDetailAnswer> {
    audit.add({ grantId: id });
    const grant = await this.visible.byId(service, id);
    const slots = toSlotsAnswer(await this.inspectSlots.of(grant));
    return Object.assign(this.#answer(grant), { slots });
  }

  @Delete('grants/:id')
  @Audited('grant.disconnect')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Disconnect, here only or at Google too' })
  @ApiOkResponse({ type: DisconnectAnswer })
  @ApiAcceptedResponse({
    type: DisconnectAnswer,
    description:
      'Google has not confirmed yet: no token is given any more, and the broker goes on until it has',
  })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'not_found', 'rate_limited')
  async disconnect(
    @Caller() service: Service,
    @Param() { id }: GrantPath,
    @Query() { mode, dry_run }: DisconnectQuery,
    @Audit() audit: AuditNote,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DisconnectAnswer> {
    audit.add({ grantId: id, details: { mode } });
    const grant = await this.visible.byId(service, id);
    audit.add(aboutGrant(grant));
    const dryRun = dry_run === 'true';
    if (dryRun) audit.beSilent();
    if (mode === 'local' && !dryRun) await this.disconnectGrant.forget(grant);
    const requester = { actor: service.name, serviceId: service.id, requestId: request.id };
    const { also, isFinished }: Revoked =
      mode === 'local' || dryRun
        ? { also: mode === 'local' ? [] : await this.disconnectGrant.siblings(grant), isFinished: true }
        : await this.disconnectGrant.revoke(grant, requester);
    if (also.length > 0) audit.add({ details: { also_revoked: also.map((sibling) => sibling.id) } });
    if (!isFinished) {
      audit.add({ outcome: 'revoking' });
      void reply.status(202);
    }
    return {
      dry_run: dryRun,
      mode,
      disconnected: this.#answer(isFinished ? grant : { ...grant, status: 'revoking', diagnosis: REVOKING }),
      also_revoked: also.map((sibling) => toSiblingAnswer(sibling, service.policy)),
    };
  }

  #answer(grant: Grant): GrantAnswer {
    return toGrantAnswer(grant, this.settings.testingClients);
  }
}

function aboutGrant({ id, userId, client }: Grant): AuditFacts {
  return { grantId: id, userId, client };
}
