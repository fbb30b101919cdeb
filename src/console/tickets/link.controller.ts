/**
 * A link that a person of the console sends to a user. It is a connect ticket of a service that they choose, within its policy: the
 * grant is as if that service had asked. Does not own tickets (connect-tickets/).
 */
import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../../config/settings.js';
import { ConnectTicketDto } from '../../connect-tickets/connect-ticket.dto.js';
import {
  ConnectTickets,
  isLoginHint,
  LOGIN_HINT_RULE,
} from '../../connect-tickets/connect-tickets.service.js';
import { toTicketRequest } from '../../connect-tickets/read-connect-ticket.js';
import { maySeeUser, type Service } from '../../domain/access/policy.js';
import { accountOfHint, type ConnectRequest } from '../../domain/connect/connect-request.js';
import { invalidRequest } from '../../domain/errors.js';
import { GOOGLE_SCOPE_LIST_RULE, isGoogleScope } from '../../domain/google/scopes.js';
import type { Grant } from '../../domain/grant/grant.js';
import { Clock } from '../../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { UserPath } from '../../http/validation/user.dto.js';
import { isScopeList } from '../../http/validation/validators.js';
import { ServiceCache } from '../../services/service-cache.js';
import { GrantsRepository } from '../../token-store/grants/grants.repository.js';
import { ServicesRepository } from '../../token-store/services/services.repository.js';
import { type FormValues, textIn, userIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { linkPath } from '../paths.js';
import { linkFormPage, linkPage } from './link-page.js';

@Controller('console')
@ConsoleController()
export class ConsoleLinkController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly tickets: ConnectTickets,
    private readonly services: ServicesRepository,
    private readonly active: ServiceCache,
    private readonly grants: GrantsRepository,
  ) {}

  /** Also for a user without grants, whom no list shows. */
  @Get('tickets/new')
  async open(@Query() query: FormValues, @Res() reply: FastifyReply): Promise<void> {
    const userId = userIn(query);
    if (userId === null) throw invalidRequest({ user: 'is missing: whom is the link for?' });
    await reply.redirect(linkPath(userId), 303);
  }

  @Get('users/:userId/link')
  async form(
    @Person() person: ConsolePerson,
    @Param() { userId }: UserPath,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const page = linkFormPage({
      person,
      userId,
      services: await this.#servicesFor(userId),
      clients: this.settings.clients.all().map(({ alias }) => alias),
      grant: await this.#grantOf(userId, textIn(query, 'grant')),
    });
    await sendPage(reply, page);
  }

  /** Answered with the page itself: the link is a credential, and belongs in no address. */
  @Post('users/:userId/link')
  @Audited('connect.ticket')
  async create(
    @Person() person: ConsolePerson,
    @Param() { userId }: UserPath,
    @Body() form: FormValues,
    @Req() { id: requestId }: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    audit.add({ userId });
    const service = await this.active.findActive(textIn(form, 'service') ?? '');
    if (!service) throw invalidRequest({ service: 'must be an active service.' });
    const request = this.#requestOf(service, userId, form);
    const { client, scopes } = request;
    audit.add({ serviceId: service.id, client, details: { asked: scopes } });
    const { id, url, expiresAt } = await this.tickets.store(service, request, requestId);
    audit.add({ details: { ticket: id } });
    const now = this.clock.now();
    await sendPage(
      reply.status(200),
      linkPage({ person, userId, now, serviceName: service.name, id, url, expiresAt }),
    );
  }

  #requestOf(service: Service, userId: string, form: FormValues): ConnectRequest {
    const scope = textIn(form, 'scope') ?? '';
    if (!isScopeList(scope, isGoogleScope)) throw invalidRequest({ scope: GOOGLE_SCOPE_LIST_RULE });
    const account = textIn(form, 'account');
    if (account !== null && !isLoginHint(account)) {
      throw invalidRequest({ account: LOGIN_HINT_RULE });
    }
    const body = Object.assign(new ConnectTicketDto(), { user_id: userId, scope });
    const client = textIn(form, 'client');
    if (client !== null) body.client = client;
    if (account !== null)
      Object.assign(body, { account_hint: account, require_account: accountOfHint(account) });
    return toTicketRequest(service, this.settings.clients, body);
  }

  /** Those whose policy covers the user. */
  async #servicesFor(userId: string): Promise<Service[]> {
    const found: Service[] = [];
    for await (const batch of this.services.list()) {
      found.push(
        ...batch.filter(({ revokedAt, policy }) => revokedAt === null && maySeeUser(policy, userId)),
      );
    }
    return found;
  }

  async #grantOf(userId: string, id: string | null): Promise<Grant | null> {
    const grant = id !== null && isUUID(id) ? await this.grants.findById(id) : null;
    return grant?.userId === userId ? grant : null;
  }
}
