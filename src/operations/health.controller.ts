import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { Public } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
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
@Public()
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly readiness: Readiness,
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly changes: ChangeFeed,
  ) {}

  @Get('live')
  @ApiOperation({ operationId: 'getLiveness', summary: 'The process runs' })
  @ApiOkResponse({
    schema: {
      type: 'object',
      required: ['status'],
      properties: { status: { type: 'string', enum: ['ok'] } },
    },
  })
  live(): { status: string } {
    return { status: 'ok' };
  }

  @Get('ready')
  // Described here: Terminus would load a second @nestjs/swagger, beside the bundled one.
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
    operationId: 'getReadiness',
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
    const result = await this.checks.check([database]).catch(() => {
      throw new BrokerError('database_unavailable', fault ?? 'The broker cannot serve.');
    });
    const seconds = Math.round(this.clock.skewMs / 1000);
    if (Math.abs(this.clock.skewMs) > this.settings.clockSkewMaxMs) {
      throw new BrokerError(
        'clock_skewed',
        `This machine's clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the database's. Set both by NTP.`,
      );
    }
    return { ...result, details: { ...result.details, changes: this.#changes() } };
  }

  /** Without the change feed the broker serves from the database: ready but slower, and the answer has the reason. */
  #changes() {
    const { fault } = this.changes;
    return fault ? { status: 'down', reason: fault.reason } : { status: 'up' };
  }
}
