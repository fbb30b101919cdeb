import { Controller, Get, Header } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { OpenToAll } from '../http/caller.decorator.js';
import { EXEMPT_ROUTE } from '../http/rate-limit/route-kind.js';
import { Metrics } from './metrics.js';

@Controller('metrics')
@ApiTags('operations')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @OpenToAll()
  @RouteConfig(EXEMPT_ROUTE)
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiProduces('text/plain')
  @ApiOperation({ summary: 'Metrics for Prometheus' })
  read(): Promise<string> {
    return this.metrics.read();
  }
}
