import { Controller, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessTokenService } from '../access-tokens/access-token.service.js';
import type { GrantRequest } from '../access-tokens/token-request.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { ADWORDS } from '../domain/google/scopes.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { type CursorOf, PageCursors } from '../http/pagination/page-cursors.js';
import { disconnectSignal } from '../http/request-context.js';
import { UserPath } from '../http/validation/user.dto.js';
import { AccessMapCache } from './access-map-cache.js';
import { CustomersResponse, toCustomers } from './customers.response.js';
import { CustomersQuery } from './customers.dto.js';

@Controller('users')
@ApiTags('google ads')
@ApiBearerAuth()
export class AdsController {
  constructor(
    private readonly settings: Settings,
    private readonly accessTokens: AccessTokenService,
    private readonly maps: AccessMapCache,
    private readonly cursors: PageCursors,
  ) {}

  @Get(':userId/ads/customers')
  @Audited('ads.read')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'listAdsCustomers',
    summary: 'The Google Ads accounts that a user reaches: through which root, with which role',
  })
  @ApiOkResponse({ type: CustomersResponse })
  @ApiProblems(
    'invalid_request',
    'unauthenticated',
    'not_allowed',
    'insufficient_scope',
    'no_ads_access',
    'not_connected',
    'ambiguous_account',
    'reconnect_required',
    'rate_limited',
    'client_misconfigured',
    'google_unavailable',
  )
  async list(
    @Caller() service: Service,
    @Param() { userId }: UserPath,
    @Query() query: CustomersQuery,
    @Req() { id: requestId }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<CustomersResponse> {
    audit.add({ userId });
    const client = this.settings.clients.pickFor(service, query.client);
    audit.add({ client: client.alias });
    const account = query.account ?? null;
    const list: CursorOf = ['ads customers', service.id, userId, client.alias, account];
    const after = (await this.cursors.read(list, query.cursor))?.['id'] ?? null;
    const callerSignal = () => disconnectSignal(reply);
    const request: GrantRequest = {
      service,
      userId,
      client,
      account,
      scopes: [ADWORDS],
      requestId,
      callerSignal,
    };
    const grant = await this.accessTokens.grantFor(request);
    audit.add({ grantId: grant.id });
    const maxAge = query.max_age ?? this.settings.adsMaxAge;
    // A caller that sets max_age is never served an older tree.
    const duringOutage = query.max_age === undefined ? 'serve_stale' : 'refuse';
    const { map, syncedAt } = await this.maps.get(request, grant, maxAge, duringOutage);
    audit.add({ details: { customers: map.tree.accounts.length, synced_at: syncedAt.toISOString() } });
    const { next, ...page } = toCustomers(map, after, query.limit);
    return {
      account: { sub: grant.account.sub, email: grant.account.email },
      client: grant.client,
      synced_at: syncedAt.toISOString(),
      age: Math.floor(this.maps.ageSeconds(syncedAt)),
      ...page,
      next: await this.cursors.write(list, next === null ? null : { id: next }),
    };
  }
}
