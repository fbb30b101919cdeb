import { Body, Controller, Header, HttpCode, Post, Req } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../http/caller.decorator.js';
import { ApiBodyProblems, ApiProblemsAs } from '../http/problem-docs.decorator.js';
import { rateLimitsOf } from '../http/rate-limit/rate-limit.hook.js';
import { EVENT_BODIES, ReceiveSecurityEvent } from './receive-security-event.js';
import { RELAYED_HEADER } from './relay-security-event.js';

/** RFC 8935 section 2.3. */
const REFUSAL_TYPE = 'application/json';

@Controller('security-events')
@ApiTags('security events')
export class SecurityEventsController {
  constructor(private readonly receiveSecurityEvent: ReceiveSecurityEvent) {}

  @Post('google')
  @Public()
  @HttpCode(202)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'receiveSecurityEvent',
    summary: "Google's Cross-Account Protection delivers here",
    description:
      'Push delivery of security event tokens (RFC 8935). Only a token that Google signed for a client of the broker is ' +
      'accepted. A repeated event, and one of an unknown type, is accepted and changes nothing. A refusal has `err` ' +
      'and `description` of RFC 8935 as well as the members of every problem.',
  })
  @ApiConsumes(...EVENT_BODIES.types)
  @ApiBody({ schema: { type: 'string', description: 'A security event token (RFC 8417) as a signed JWT' } })
  @ApiAcceptedResponse({ description: 'Handled; no body' })
  @ApiBodyProblems(REFUSAL_TYPE)
  @ApiProblemsAs(REFUSAL_TYPE, 'invalid_request', 'rate_limited', 'google_unavailable', 'cell_unavailable')
  async receive(@Body() body: unknown, @Req() request: FastifyRequest): Promise<void> {
    const limits = rateLimitsOf(request);
    await this.receiveSecurityEvent.receive(body, request.id, {
      isRelayed: request.headers[RELAYED_HEADER] !== undefined,
      isOverLimit: () => limits.isOverLimit(request),
      excuse: () => {
        limits.excuse(request);
      },
    });
  }
}
