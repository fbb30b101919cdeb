import { Controller, Get, Header } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Public } from '../http/caller.decorator.js';
import { EXEMPT_ROUTE } from '../http/rate-limit/route-limits.js';
import { Metrics } from './metrics.js';

/**
 * GET /metrics, without a credential and exempt from rate limits: a scrape must also work while callers are refused.
 * Does not own the text (metrics.ts).
 */
@Controller('metrics')
@ApiTags('operations')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Public()
  @RouteConfig(EXEMPT_ROUTE)
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiProduces('text/plain')
  @ApiOperation({ operationId: 'getMetrics', summary: 'Metrics for Prometheus' })
  @ApiOkResponse({ schema: { type: 'string' }, description: "Prometheus's text format" })
  read(): Promise<string> {
    return this.metrics.read();
  }
}
