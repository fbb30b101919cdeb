import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { BrokerError } from '../domain/errors.js';
import { OpenToAll } from '../http/caller.js';
import { ApiProblems } from '../http/openapi.js';
import { Readiness } from './readiness.js';

const CHECKS = {
  type: 'object',
  additionalProperties: {
    type: 'object',
    required: ['status'],
    properties: { status: { type: 'string', enum: ['up', 'down'] } },
  },
};

@Controller('health')
@ApiTags('operations')
@OpenToAll()
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly readiness: Readiness,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs' })
  live(): { status: string } {
    return { status: 'ok' };
  }

  @Get('ready')
  // Described here: Terminus would fetch a second @nestjs/swagger for it, past the one in the bundle.
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ApiOkResponse({
    schema: {
      type: 'object',
      required: ['status', 'info', 'error', 'details'],
      properties: {
        status: { type: 'string', enum: ['ok'] },
        info: CHECKS,
        error: CHECKS,
        details: CHECKS,
      },
    },
  })
  @ApiOperation({
    summary:
      'The broker can serve: its database answers, is migrated and can be written to, and no stop is under way',
  })
  @ApiProblems()
  async ready() {
    let fault: string | null = null;
    const database = async () => {
      const indicator = this.indicators.check('database');
      fault = await this.readiness.fault();
      return fault === null ? indicator.up() : indicator.down();
    };
    return this.checks.check([database]).catch(() => {
      throw new BrokerError('database_unavailable', fault ?? 'The broker cannot serve.');
    });
  }
}
