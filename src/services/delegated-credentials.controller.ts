import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { maySeeUser, type Service } from '../domain/access/policy.js';
import { BrokerError } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { assertCellUser } from '../http/cell-user.js';
import { ApiBodyProblems, ApiProblems } from '../http/problem-docs.decorator.js';
import { ListQueue } from '../http/pagination/list-queue.js';
import { type CursorOf, PageCursors } from '../http/pagination/page-cursors.js';
import { NoQuery } from '../http/validation/no-query.dto.js';
import { DelegatedCredentialsRepository } from '../token-store/services/delegated-credentials.repository.js';
import { aboutCredential, DelegatedCredentials } from './delegated-credentials.js';
import {
  CredentialPath,
  CredentialsQuery,
  NewCredentialDto,
  toDelegation,
} from './delegated-credentials.dto.js';
import {
  CreatedCredentialResponse,
  CredentialResponse,
  CredentialsResponse,
  toCredentialResponse,
} from './delegated-credentials.response.js';

/** Owns what a service does with its own delegated credentials over HTTP. Each service sees and revokes its own only. */
@Controller('services/self/credentials')
@ApiTags('delegated credentials')
@ApiBearerAuth()
export class DelegatedCredentialsController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly lists: ListQueue,
    private readonly credentials: DelegatedCredentials,
    private readonly store: DelegatedCredentialsRepository,
  ) {}

  @Post()
  @HttpCode(201)
  @Audited('credential.create')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'createDelegatedCredential',
    summary: "A handle for one user's access tokens, in the place of a refresh token",
  })
  @ApiBody({
    type: NewCredentialDto,
    examples: { user: { summary: 'All that the policy allows', value: { user_id: 'alice' } } },
  })
  @ApiCreatedResponse({ type: CreatedCredentialResponse })
  @ApiBodyProblems()
  @ApiProblems('invalid_request', 'unauthenticated', 'not_allowed', 'rate_limited')
  async create(
    @Caller() service: Service,
    @Body() body: NewCredentialDto,
    @Query() _: NoQuery,
    @Req() request: FastifyRequest,
    @Audit() audit: AuditNote,
  ): Promise<CreatedCredentialResponse> {
    audit.add({ userId: body.user_id });
    assertCellUser(this.settings.cell, request, body.user_id);
    const { credential, handle } = await this.credentials.create(service, toDelegation(body));
    audit.add(aboutCredential(credential));
    const response = toCredentialResponse(credential, this.clock.now());
    return Object.assign(response, { credential: handle.reveal() });
  }

  @Get()
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'listDelegatedCredentials',
    summary: 'Your delegated credentials, the newest first; those that ended for 30 days',
  })
  @ApiOkResponse({ type: CredentialsResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'rate_limited')
  async list(
    @Caller() service: Service,
    @Query() { user, limit, cursor }: CredentialsQuery,
  ): Promise<CredentialsResponse> {
    const list: CursorOf = ['credentials', service.id, user];
    const position = await this.cursors.read(list, cursor);
    const after = position && { at: new Date(position['at'] ?? ''), id: position['id'] ?? '' };
    const filter = { serviceId: service.id, userId: user ?? null, after, limit };
    const { items, next } = await this.lists.run(service, () => this.store.list(filter));
    const now = this.clock.now();
    // A policy can have been narrowed since.
    const visible = items.filter(
      ({ isVerified, userId }) => isVerified && maySeeUser(service.policy, userId),
    );
    return {
      credentials: visible.map((credential) => toCredentialResponse(credential, now)),
      next: await this.cursors.write(list, next && { at: next.at.toISOString(), id: next.id }),
    };
  }

  @Delete(':id')
  @Audited('credential.revoke')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'revokeDelegatedCredential',
    summary: 'Revoke one of your delegated credentials, on every replica at once',
  })
  @ApiOkResponse({ type: CredentialResponse })
  @ApiProblems('invalid_request', 'unauthenticated', 'not_found', 'rate_limited')
  async revoke(
    @Caller() service: Service,
    @Param() { id }: CredentialPath,
    @Query() _: NoQuery,
    @Audit() audit: AuditNote,
  ): Promise<CredentialResponse> {
    audit.add({ details: { credential: id } });
    const revoked = await this.credentials.revoke(id, service.id);
    if (!revoked) {
      throw new BrokerError(
        'not_found',
        'This service has no such credential. GET /services/self/credentials lists them.',
      );
    }
    const { credential, changed } = revoked;
    audit.add(aboutCredential(credential));
    if (!changed) audit.omitSuccess();
    return toCredentialResponse(credential, this.clock.now());
  }
}
