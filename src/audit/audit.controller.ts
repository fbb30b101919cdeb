import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Service } from '../domain/access/policy.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { ListQueue } from '../http/pagination/list-queue.js';
import { type CursorOf, PageCursors } from '../http/pagination/page-cursors.js';
import { AuditPageQuery } from './audit.dto.js';
import { AuditResponse, toAuditEventResponse } from './audit.response.js';
import { VisibleAuditEvents } from './visible-audit-events.js';

@Controller('audit')
@ApiTags('audit')
@ApiBearerAuth()
export class AuditController {
  constructor(
    private readonly events: VisibleAuditEvents,
    private readonly cursors: PageCursors,
    private readonly lists: ListQueue,
  ) {}

  @Get()
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'listAuditEvents',
    summary: 'Who did what, for whom, with what outcome; newest first',
  })
  @ApiOkResponse({ type: AuditResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async read(@Caller() caller: Service, @Query() query: AuditPageQuery): Promise<AuditResponse> {
    const { user = null, service = null, action = null, since = null, until = null, limit, cursor } = query;
    const list: CursorOf = ['audit', caller.id, user, service, since, action, until];
    const position = await this.cursors.read(list, cursor);
    const { items, next } = await this.lists.run(caller, () =>
      this.events.find(caller, {
        user,
        service,
        action,
        since: since === null ? null : new Date(since),
        until: until === null ? null : new Date(until),
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
