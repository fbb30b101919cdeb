import { Body, Controller, Header, HttpCode, Post, Req, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { ConnectAuditInterceptor } from '../authorization/connect-audit.interceptor.js';
import type { Service } from '../domain/access/policy.js';
import { Secret } from '../domain/secret.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiBodyProblems, ApiProblems } from '../http/openapi.js';
import { IsUserId } from '../http/validation/validators.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { ConfirmPendingConsent } from './confirm-pending-consent.js';
import { unrequestedFact } from './connect-outcome-of.js';

class CompletionDto {
  @ApiProperty({ description: 'connect_code, as the browser brought it to return_to' })
  @Matches(/^[\w-]{43}$/, { message: 'is not as the broker made it.' })
  code!: string;

  @ApiProperty({ description: 'The user of the session that brought the code' })
  @IsUserId()
  user_id!: string;
}

class CompletionResponse {
  @ApiProperty({ enum: ['success', 'partial'] })
  connect!: 'success' | 'partial';

  @ApiProperty({ format: 'uuid' })
  grant_id!: string;

  @ApiProperty({ type: [String] })
  missing_scopes!: string[];
}

@Controller('connect/completions')
@ApiTags('connect')
@ApiBearerAuth()
export class CompletionsController {
  constructor(
    private readonly confirmConsent: ConfirmPendingConsent,
    private readonly monitor: ConnectMetrics,
  ) {}

  @Post()
  @Audited('connect.completion')
  @UseInterceptors(ConnectAuditInterceptor)
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Confirm that the user of your session is the one who consented' })
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
    @Audit() audit: AuditNote,
    @Req() { id: requestId }: FastifyRequest,
  ): Promise<CompletionResponse> {
    audit.add({ userId: user_id });
    const { grant, missing, unrequested } = await this.confirmConsent.confirm(
      service,
      new Secret(code),
      user_id,
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
    this.monitor.ended({
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
