import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Public } from '../http/caller.decorator.js';
import { Metrics } from './metrics.js';

/**
 * GET /metrics, without a credential and exempt from rate limits (http/rate-limit/route-limits.ts): a scrape must also work while
 * callers are refused. Does not own the text (metrics.ts), nor which port has the route (http/server/admin-port.ts).
 * The metrics of several workers are one text (workers/worker-metrics.ts).
 */
@Controller('metrics')
@ApiTags('operations')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Public()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiProduces('text/plain')
  @ApiOperation({ operationId: 'getMetrics', summary: 'Metrics for Prometheus' })
  @ApiOkResponse({ schema: { type: 'string' }, description: "Prometheus's text format" })
  read(): Promise<string> {
    return this.metrics.read();
  }
}
