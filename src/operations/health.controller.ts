import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { DatabaseHealth } from '../domain/ports/database-health.js';
import { OpenToAll } from '../http/caller.js';

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
  ready() {
    return this.checks.check([
      async () => {
        const indicator = this.indicators.check('database');
        return (await this.database.answers()) ? indicator.up() : indicator.down();
      },
    ]);
  }
}
