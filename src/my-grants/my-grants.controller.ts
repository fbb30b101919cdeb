import { Body, Controller, Get, Post, Query, Req, Res, UseInterceptors } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { redirectTo } from '../authorization/browser-response.js';
import { PageContexts } from '../authorization/page-contexts.js';
import { RefusalPageInterceptor } from '../authorization/refusal-page.interceptor.js';
import { Settings } from '../config/settings.js';
import { isShortId } from '../domain/cell.js';
import { missingScopes } from '../domain/google/scopes.js';
import { forecast } from '../domain/grant/expiry-forecast.js';
import { type Grant, isAgeKnown } from '../domain/grant/grant.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Public } from '../http/caller.decorator.js';
import { assertOwnPage, sendAppPage, sendFormPage } from '../http/page-responses.js';
import { type CursorOf, PageCursors } from '../http/pagination/page-cursors.js';
import { disconnectPage } from '../pages/disconnect-page.js';
import { entryPage, myGrantsPage, reconnectedPage, type ShownGrant } from '../pages/my-grants-page.js';
import { DeclaredSettingsRepository } from '../token-store/declarations/declared-settings.repository.js';
import { type MyGrantsSession, MyGrantsSessions } from './my-grants-sessions.js';
import {
  BeginForm,
  DisconnectForm,
  type DONE,
  EffectsQuery,
  GrantForm,
  MyGrantsQuery,
} from './my-grants.dto.js';
import { type MyGrant, MyGrants } from './my-grants.js';

const PATH = '/me/grants';

/** The page of a user's grants, and its buttons. Each of them answers with a redirect to an address that can be loaded again. */
@Controller('me/grants')
@ApiExcludeController()
@UseInterceptors(RefusalPageInterceptor)
export class MyGrantsController {
  constructor(
    private readonly settings: Settings,
    private readonly declared: DeclaredSettingsRepository,
    private readonly sessions: MyGrantsSessions,
    private readonly myGrants: MyGrants,
    private readonly pages: PageContexts,
    private readonly cursors: PageCursors,
  ) {}

  @Get()
  @Public()
  @Audited('connect.manage', 'refusals')
  async show(
    @Query() query: MyGrantsQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // Another text is that of the link.
    if (!isShortId(query.ticket)) {
      await this.#showEntry(query.ticket, request, reply);
      return;
    }
    if (await this.#showLateOutcome(query, request, reply)) return;
    const session = await this.sessions.require(query.ticket, request);
    const { service, connectRequest, ticketId } = session;
    const list: CursorOf = ['grants of a page', service.id, connectRequest.userId, ticketId];
    const position = await this.cursors.read(list, query.cursor);
    const after = position && { at: new Date(position['at'] ?? ''), id: position['id'] ?? '' };
    const { items, next } = await this.myGrants.list(session, after);
    const cursor = await this.cursors.write(list, next && { at: next.at.toISOString(), id: next.id });
    const context = await this.pages.of(request, connectRequest);
    const page = myGrantsPage(context, {
      user: connectRequest.userLabel ?? connectRequest.userId,
      ticketId,
      grants: await Promise.all(items.map((item) => this.#shown(item))),
      done: query.done ?? null,
      connect: query.connect ?? null,
      moreUrl: cursor === null ? null : addressOf(ticketId, { cursor }),
    });
    await sendFormPage(reply, context, page);
  }

  @Post()
  @Public()
  @Audited('connect.manage')
  async begin(
    @Body() { ticket }: BeginForm,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    assertOwnPage(request, this.settings.publicUrl);
    await redirectTo(reply, addressOf(await this.sessions.begin(ticket, request, reply)));
  }

  @Post('reconnect')
  @Public()
  @Audited('connect.manage', 'refusals')
  async reconnect(
    @Body() { ticket, grant: id }: GrantForm,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    assertOwnPage(request, this.settings.publicUrl);
    const session = await this.sessions.require(ticket, request);
    const found = await this.myGrants.find(session, id);
    if (!found || found.reconnectScopes.length === 0) {
      await redirectDone(reply, session, 'gone');
      return;
    }
    const returnTo = `${this.settings.publicUrl}${addressOf(session.ticketId)}`;
    await redirectTo(reply, await this.myGrants.reconnectUrl(session, found, returnTo));
  }

  /** What a disconnect would do. Changes nothing. */
  @Get('disconnect')
  @Public()
  @Audited('connect.manage', 'refusals')
  async confirm(
    @Query() { ticket, grant: id }: EffectsQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const session = await this.sessions.require(ticket, request);
    const found = await this.myGrants.find(session, id);
    if (!found || found.mode === null) {
      await redirectDone(reply, session, 'gone');
      return;
    }
    const { grant, mode } = found;
    const { total, own } = await this.myGrants.effects(session, grant, mode);
    const context = await this.pages.of(request, session.connectRequest);
    const page = disconnectPage(context, {
      ticketId: session.ticketId,
      grant: await this.#shown(found),
      mode,
      others: total,
      own: own.map(({ grantedScopes }) => ({ scopes: grantedScopes })),
      keepUrl: addressOf(session.ticketId),
    });
    await sendFormPage(reply, context, page);
  }

  /** The event of each grant that ends is written with its end (grants/end-grants.ts). */
  @Post('disconnect')
  @Public()
  @Audited('grant.disconnect', 'refusals')
  async disconnect(
    @Body() { ticket, grant: id, mode }: DisconnectForm,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    assertOwnPage(request, this.settings.publicUrl);
    const session = await this.sessions.require(ticket, request);
    const found = await this.myGrants.find(session, id);
    if (!found || found.mode === null) {
      await redirectDone(reply, session, 'gone');
      return;
    }
    const { grant } = found;
    if (found.mode !== mode) {
      // The rights of the service changed meanwhile: its effects are others than the user saw.
      const query = new URLSearchParams({ ticket: session.ticketId, grant: id });
      await redirectTo(reply, `${PATH}/disconnect?${query.toString()}`);
      return;
    }
    audit.add({ grantId: grant.id, client: grant.client, details: { mode } });
    await redirectDone(reply, session, await this.myGrants.disconnect(session, grant, mode, request.id));
  }

  async #showEntry(text: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const opened = await this.sessions.open(text, request);
    if (opened.isBound) {
      await redirectTo(reply, addressOf(opened.id));
      return;
    }
    if (request.method === 'GET') await this.sessions.show(opened, request, reply);
    const { connectRequest } = opened;
    const context = await this.pages.of(request, connectRequest);
    const user = connectRequest.userLabel ?? connectRequest.userId;
    await sendFormPage(reply, context, entryPage(context, { user, ticket: text }));
  }

  /** Google's pages may take longer than this one may be used: what the user decided there was stored all the same. */
  async #showLateOutcome(
    { ticket, connect }: MyGrantsQuery,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<boolean> {
    const connectRequest = connect === undefined ? null : await this.sessions.findExpired(ticket, request);
    if (connect === undefined || connectRequest === null) return false;
    const context = await this.pages.of(request, connectRequest);
    const page = reconnectedPage(context, connect);
    if (page !== null) await sendAppPage(reply, context, page);
    return page !== null;
  }

  async #shown({ grant, mode, reconnectScopes }: MyGrant): Promise<ShownGrant> {
    const { id, kind, status, diagnosis, requestedScopes, grantedScopes, consentedAt } = grant;
    const testing = await this.declared.testingClients();
    const isDead = status === 'reconnect_required' || status === 'revoked';
    const missing = isDead ? [] : missingScopes(requestedScopes, grantedScopes);
    const isPartial = status === 'active' && missing.length > 0;
    const expiry = forecast(grant, testing.includes(grant.client));
    return {
      id,
      account: nameOf(grant),
      isServiceAccount: kind === 'service_account',
      status: isDead ? 'dead' : isPartial ? 'partial' : status,
      isForAdmin: diagnosis?.who_must_act === 'workspace_admin',
      scopes: grantedScopes,
      missing,
      since: isAgeKnown(grant) ? consentedAt : null,
      // One that ends unless it is used is used by the app.
      endsAt: expiry === null || expiry.reason === 'inactivity' ? null : expiry.at,
      mayReconnect: reconnectScopes.length > 0,
      mayDisconnect: mode !== null,
    };
  }
}

function nameOf({ account: { sub, email } }: Grant): string {
  return email ?? sub;
}

function addressOf(ticketId: string, more: Readonly<Record<string, string>> = {}): string {
  return `${PATH}?${new URLSearchParams({ ticket: ticketId, ...more }).toString()}`;
}

async function redirectDone(
  reply: FastifyReply,
  { ticketId }: MyGrantsSession,
  done: (typeof DONE)[number],
): Promise<void> {
  await redirectTo(reply, addressOf(ticketId, { done }));
}
