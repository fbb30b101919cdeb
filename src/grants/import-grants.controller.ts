import { Body, Controller, Header, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { assertMay, type Service } from '../domain/access/policy.js';
import type { ImportItem, InvalidItem } from '../domain/grant/grant-import.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { assertCellUser } from '../http/cell-user.js';
import { ApiBodyProblems, ApiProblems } from '../http/problem-docs.decorator.js';
import { disconnectSignal } from '../http/request-context.js';
import { NoQuery } from '../http/validation/no-query.dto.js';
import { ImportForService } from './import-for-service.js';
import { ImportGrantsDto, readImportItem } from './import-grants.dto.js';
import { ImportGrantsResponse, toImportGrantsResponse } from './import-grants.response.js';

/** A hundred refresh tokens of the length that Google promises need a tenth of it. */
const IMPORT_ROUTE = { maxBodyBytes: 512 * 1024 } as const;

/** Owns POST /grants/import: who may, and the form of the report. */
@Controller('grants/import')
@ApiTags('grants')
@ApiBearerAuth()
export class ImportGrantsController {
  constructor(
    private readonly settings: Settings,
    private readonly imports: ImportForService,
  ) {}

  @Post()
  @HttpCode(200)
  // Each imported grant is an event of its own, written with the grant.
  @Audited('grant.import', 'refusals')
  @Header('cache-control', 'no-store')
  @RouteConfig(IMPORT_ROUTE)
  @ApiOperation({
    operationId: 'importGrants',
    summary: 'Import grants that another system made, 100 at most',
    description:
      'Google verifies each refresh token by one refresh, and says which account and scopes it has. The answer holds one ' +
      'result for each item, and is 200 also where items are refused. Items that were imported before are `unchanged`: ' +
      'send the same list again after a failure. Needs the right `import`.',
  })
  @ApiBody({
    type: ImportGrantsDto,
    examples: {
      simple: {
        summary: 'What Google says of a token, without storing it',
        value: { grants: [{ user_id: 'alice', refresh_token: '1//0abc' }], dry_run: true },
      },
    },
  })
  @ApiOkResponse({ type: ImportGrantsResponse })
  @ApiBodyProblems()
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async import(
    @Caller() service: Service,
    @Body() { grants, replace, dry_run }: ImportGrantsDto,
    @Query() _: NoQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<ImportGrantsResponse> {
    audit.add({ details: { items: grants.length } });
    assertMay(service, 'import');
    assertCellUser(this.settings.cell, request, ...grants.map(userOf));
    const results = await this.imports.run(service, itemsOf(grants), {
      requestId: request.id,
      replace,
      dryRun: dry_run,
      callerSignal: disconnectSignal(reply),
    });
    return toImportGrantsResponse(dry_run, results);
  }
}

/** Of an item that is not validated yet. */
function userOf(item: unknown): unknown {
  return (item as { readonly user_id?: unknown } | null)?.user_id;
}

async function* itemsOf(values: readonly unknown[]): AsyncGenerator<ImportItem | InvalidItem> {
  for (const value of values) yield await readImportItem(value);
}
