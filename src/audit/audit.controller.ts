import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Service } from '../domain/access/policy.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/openapi.js';
import { ListTurns } from '../http/pagination/list-turns.js';
import { type CursorOf, PageCursors } from '../http/pagination/page-cursors.js';
import { AuditQueryInput, AuditResponse, toAuditEventResponse } from './audit.query.js';
import { FindAuditEvents } from './find-audit-events.js';

@Controller('audit')
@ApiTags('audit')
@ApiBearerAuth()
export class AuditController {
  constructor(
    private readonly findEvents: FindAuditEvents,
    private readonly cursors: PageCursors,
    private readonly turns: ListTurns,
  ) {}

  @Get()
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Who did what, for whom, with what outcome; newest first' })
  @ApiOkResponse({ type: AuditResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async read(@Caller() service: Service, @Query() query: AuditQueryInput): Promise<AuditResponse> {
    const { user = null, service: of = null, since = null, limit, cursor } = query;
    const list: CursorOf = ['audit', service.id, user, of, since];
    const position = await this.cursors.read(list, cursor);
    const { items, next } = await this.turns.run(service, () =>
      this.findEvents.find(service, {
        user,
        service: of,
        since: since === null ? null : new Date(since),
        olderThan: position && {
          at: new Date(position['at'] ?? ''),
          sequence: BigInt(position['sequence'] ?? ''),
        },
        limit,
      }),
    );
    const end = next && { at: next.at.toISOString(), sequence: next.sequence.toString() };
    return { events: items.map(toAuditEventResponse), next: await this.cursors.write(list, end) };
  }
}
