import { Readable } from 'node:stream';
import { Controller, Get, Header, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { assertMay, type Service } from '../domain/access/policy.js';
import { invalidRequest } from '../domain/errors.js';
import { exportCursor, readExportCursor } from '../domain/list-position.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { ListQueue } from '../http/pagination/list-queue.js';
import { AuditExportRepository } from '../token-store/audit/audit-export.repository.js';
import { NDJSON, toExportLine } from './audit-formats.js';
import { AuditExportQuery } from './audit.dto.js';

/** GET /audit/export: all that the caller may see in GET /audit, in one answer that is written while it is read. */
@Controller('audit')
@ApiTags('audit')
@ApiBearerAuth()
export class AuditExportController {
  constructor(
    private readonly trail: AuditExportRepository,
    private readonly lists: ListQueue,
  ) {}

  @Get('export')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'exportAuditEvents',
    summary: 'All of it as NDJSON, the oldest first; continues after a cursor',
  })
  @ApiProduces(NDJSON)
  @ApiOkResponse({
    description:
      'One event a line, each with the `cursor` after which to continue. `Link` has the next export.',
    schema: { type: 'string' },
  })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async export(
    @Caller() caller: Service,
    @Query() { after }: AuditExportQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    assertMay(caller, 'audit');
    const position = after === undefined ? null : readExportCursor(after);
    if (after !== undefined && position === null) {
      throw invalidRequest({
        after: 'must be the cursor of a line, or a time such as 2026-11-21T12:00:00Z.',
      });
    }
    const horizon = await this.lists.run(caller, () => this.trail.horizon());
    const end = position !== null && position.recordedAt > horizon.recordedAt ? position : horizon;
    void reply.header('link', `</audit/export?after=${exportCursor(end)}>; rel="next"`);
    const pages = this.trail.read(position, horizon, caller.policy.users);
    return new StreamableFile(Readable.from(this.#lines(caller, pages)), { type: NDJSON });
  }

  /** Each page waits for its turn among the lists, and for the reader of the one before. */
  async *#lines(caller: Service, pages: ReturnType<AuditExportRepository['read']>): AsyncGenerator<string> {
    for (;;) {
      const page = await this.lists.run(caller, () => pages.next());
      if (page.done) return;
      if (page.value.length > 0) yield page.value.map(toExportLine).join('');
    }
  }
}
