import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { assertMay, maySeeUser, type Service } from '../domain/access/policy.js';
import { coversAll } from '../domain/access/user-rule.js';
import type { AuditAction } from '../domain/audit-entry.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import type { Page } from '../domain/list-position.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/openapi.js';
import { ListQueue } from '../http/pagination/list-queue.js';
import { type CursorOf, PageCursors } from '../http/pagination/page-cursors.js';
import {
  type AuditEvent,
  AuditEventsRepository,
  type AuditPosition,
} from '../token-store/audit/audit-events.repository.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ServicesRepository } from '../token-store/services/services.repository.js';
import { AuditPageQuery, AuditResponse, toAuditEventResponse } from './audit.dto.js';

interface AuditFilter {
  readonly user: string | null;
  /** By name or id. */
  readonly service: string | null;
  readonly action: AuditAction | null;
  readonly since: Date | null;
  readonly until: Date | null;
  readonly olderThan: AuditPosition | null;
  readonly limit: number;
}

/** Matches no service's id. */
const NO_SERVICE = '';

@Controller('audit')
@ApiTags('audit')
@ApiBearerAuth()
export class AuditController {
  constructor(
    private readonly log: AuditLog,
    private readonly events: AuditEventsRepository,
    private readonly services: ServicesRepository,
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
      this.#find(caller, {
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

  /**
   * The events that the caller may read: those of the users that its policy covers.
   * @throws {BrokerError} `not_allowed` or `invalid_request`
   */
  async #find(
    caller: Service,
    { user, service, ...filter }: AuditFilter,
  ): Promise<Page<AuditEvent, AuditPosition>> {
    assertMay(caller, 'audit');
    const { policy, name } = caller;
    if (user !== null && !maySeeUser(policy, user)) {
      throw new BrokerError('not_allowed', `The service ${name} may not act for the user ${user}.`);
    }
    const named = service === null ? null : await this.services.findNamed(service);
    // A caller that sees some users only must not learn which services exist: it gets an empty list.
    if (service !== null && named === null && coversAll(policy.users)) {
      throw invalidRequest({ service: 'is neither the name nor the id of a service.' });
    }
    // Events are written behind: a caller finds what it just did.
    await this.log.flush(user === null ? null : [user]);
    const serviceId = service === null ? null : (named?.id ?? NO_SERVICE);
    return this.events.find({ ...filter, users: policy.users, userId: user, serviceId });
  }
}
