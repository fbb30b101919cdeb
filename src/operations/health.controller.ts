import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { BrokerError } from '../domain/errors.js';
import { DatabaseHealth } from '../domain/ports/database-health.js';
import { OpenToAll } from '../http/caller.js';
import { ApiProblems } from '../http/openapi.js';

@Controller('health')
@ApiTags('operations')
@OpenToAll()
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseHealth,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs' })
  live(): { status: string } {
    return { status: 'ok' };
  }

  @Get('ready')
  @HealthCheck()
  @ApiOperation({ summary: 'The broker can serve: its database answers' })
  @ApiProblems()
  async ready() {
    const database = async () => {
      const indicator = this.indicators.check('database');
      return (await this.database.answers()) ? indicator.up() : indicator.down();
    };
    return this.checks.check([database]).catch(() => {
      throw new BrokerError('database_unavailable', 'The broker cannot serve: its database does not answer.');
    });
  }
}
