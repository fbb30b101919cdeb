import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { invalidRequest } from '../domain/errors.js';
import type { Service } from '../domain/policy.js';
import type { AuditPosition } from '../domain/ports/audit-trail.js';
import { Caller } from '../http/caller.js';
import { ApiProblems } from '../http/openapi.js';
import { AuditAnswer, AuditQueryInput, readCursor, toAuditEventAnswer, writeCursor } from './audit-query.js';
import { FindAuditEvents } from './find-audit-events.js';

@Controller('audit')
@ApiTags('audit')
@ApiBearerAuth()
export class AuditController {
  constructor(private readonly findEvents: FindAuditEvents) {}

  @Get()
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Who did what, for whom, with what outcome; newest first' })
  @ApiOkResponse({ type: AuditAnswer })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async read(@Caller() service: Service, @Query() query: AuditQueryInput): Promise<AuditAnswer> {
    const { user = null, service: of = null, since, limit, cursor } = query;
    // One more than asked, to know whether there is another page.
    const found = await this.findEvents.find(service, {
      user,
      service: of,
      since: since === undefined ? null : new Date(since),
      olderThan: cursor === undefined ? null : demandPosition(cursor),
      limit: limit + 1,
    });
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return { events: page.map(toAuditEventAnswer), next: last ? writeCursor(last) : null };
  }
}

function demandPosition(cursor: string): AuditPosition {
  const position = readCursor(cursor);
  if (!position) throw invalidRequest({ cursor: 'must be next, as the page before gave it.' });
  return position;
}
