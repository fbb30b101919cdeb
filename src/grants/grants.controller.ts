import { Controller, Delete, Get, Header, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Grant } from '../domain/grant.js';
import type { Service } from '../domain/policy.js';
import { Caller } from '../http/caller.js';
import { ApiProblems } from '../http/openapi.js';
import { UserPath } from '../http/user-path.js';
import { DisconnectGrant } from './disconnect-grant.js';
import { FindVisibleGrants } from './find-visible-grants.js';
import { DisconnectAnswer, DisconnectQuery, GrantAnswer, GrantPath, toGrantAnswer } from './grant-answer.js';

@Controller()
@ApiTags('grants')
@ApiBearerAuth()
export class GrantsController {
  constructor(
    private readonly visible: FindVisibleGrants,
    private readonly disconnectGrant: DisconnectGrant,
  ) {}

  @Get('users/:userId/grants')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'All grants of a user' })
  @ApiOkResponse({ type: [GrantAnswer] })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async list(@Caller() service: Service, @Param() { userId }: UserPath): Promise<GrantAnswer[]> {
    return (await this.visible.ofUser(service, userId)).map(toGrantAnswer);
  }

  @Get('grants/:id')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'One grant' })
  @ApiOkResponse({ type: GrantAnswer })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'not_found', 'rate_limited')
  async inspect(@Caller() service: Service, @Param() { id }: GrantPath): Promise<GrantAnswer> {
    return toGrantAnswer(await this.visible.byId(service, id));
  }

  @Delete('grants/:id')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Disconnect' })
  @ApiOkResponse({ type: DisconnectAnswer })
  @ApiProblems(
    'invalid_request',
    'unauthenticated',
    'not_allowed',
    'not_found',
    'rate_limited',
    'google_unavailable',
  )
  async disconnect(
    @Caller() service: Service,
    @Param() { id }: GrantPath,
    @Query() { mode, dry_run }: DisconnectQuery,
  ): Promise<DisconnectAnswer> {
    const grant = await this.visible.byId(service, id);
    const dryRun = dry_run === 'true';
    const also = mode === 'local' ? [] : await this.#revoke(grant, dryRun);
    if (mode === 'local' && !dryRun) await this.disconnectGrant.forget(grant);
    return {
      dry_run: dryRun,
      mode,
      disconnected: toGrantAnswer(grant),
      also_revoked: also.map(toGrantAnswer),
    };
  }

  #revoke(grant: Grant, dryRun: boolean): Promise<Grant[]> {
    return dryRun ? this.disconnectGrant.siblings(grant) : this.disconnectGrant.revoke(grant);
  }
}
