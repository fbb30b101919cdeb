import { Body, Controller, Header, HttpCode, Post, Query, Req, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ConnectAuditInterceptor } from '../authorization/connect-audit.interceptor.js';
import { unrequestedFact } from '../connect-tickets/connect-audit.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { Secret } from '../domain/secret.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { assertCellUser } from '../http/cell-user.js';
import { ApiBodyProblems, ApiProblems } from '../http/problem-docs.decorator.js';
import { NoQuery } from '../http/validation/no-query.dto.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { CompletionDto } from './completions.dto.js';
import { CompletionResponse } from './completions.response.js';
import { ConfirmPendingConsent } from './confirm-pending-consent.js';

@Controller('connect/completions')
@ApiTags('connect')
@ApiBearerAuth()
export class CompletionsController {
  constructor(
    private readonly settings: Settings,
    private readonly confirmConsent: ConfirmPendingConsent,
    private readonly metrics: ConnectMetrics,
  ) {}

  @Post()
  @Audited('connect.completion')
  @UseInterceptors(ConnectAuditInterceptor)
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'completeConnect',
    summary: 'Confirm that the user of your session is the one who consented',
  })
  @ApiBody({
    type: CompletionDto,
    examples: {
      simple: {
        summary: 'With the connect_code that the browser brought: this one is made up',
        value: { code: 'a-connect-code-of-43-characters-as-it-came-', user_id: 'alice' },
      },
    },
  })
  @ApiOkResponse({ type: CompletionResponse })
  @ApiBodyProblems()
  @ApiProblems(
    'invalid_request',
    'unauthenticated',
    'not_allowed',
    'not_connected',
    'rate_limited',
    'google_unavailable',
  )
  async complete(
    @Caller() service: Service,
    @Body() { code, user_id }: CompletionDto,
    @Query() _: NoQuery,
    @Audit() audit: AuditNote,
    @Req() request: FastifyRequest,
  ): Promise<CompletionResponse> {
    audit.add({ userId: user_id });
    assertCellUser(this.settings.cell, request, user_id);
    const requestId = request.id;
    const { grant, missing, unrequested } = await this.confirmConsent.confirm(
      service,
      new Secret(code),
      user_id,
      requestId,
    );
    audit.add({
      client: grant.client,
      grantId: grant.id,
      outcome: missing.length > 0 ? 'partial' : 'ok',
      details: {
        account: grant.account.sub,
        scopes: grant.grantedScopes,
        missing_scopes: missing,
        ...unrequestedFact(unrequested),
      },
    });
    this.metrics.step('confirm', 'ok');
    this.metrics.ended({
      outcome: missing.length > 0 ? 'partial' : 'ok',
      cause: missing.length > 0 ? 'scopes_unticked' : 'none',
      connectRequest: { serviceId: service.id, userId: user_id, client: grant.client },
      requestId,
    });
    return {
      connect: missing.length > 0 ? 'partial' : 'success',
      grant_id: grant.id,
      missing_scopes: [...missing],
    };
  }
}
