/** One grant: its whole timeline, and its end, whose effects are shown first. */
import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidRequest, noSuchGrant } from '../../domain/errors.js';
import type { Grant } from '../../domain/grant/grant.js';
import { Clock } from '../../domain/ports/clock.js';
import { DISCONNECT_MODES } from '../../grants/disconnect-grant.js';
import { EndGrants } from '../../grants/end-grants.js';
import { GrantTimeline } from '../../grants/grant-timeline.js';
import { Audit, Audited, type AuditNote } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import { GrantsRepository } from '../../token-store/grants/grants.repository.js';
import { grantPath, nextPath, pathWith, userPath } from '../paths.js';
import { choiceIn, cursorIn, type FormValues } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import { actorOf, type ConsolePerson } from '../sign-in/console-sessions.js';
import { endingPage } from './ending-page.js';
import { nameOf } from './grant-card.js';
import { GrantPagePath } from './grant-page.dto.js';
import { grantPage } from './grant-page.js';

const EVENTS = 50;

@Controller('console/grants')
@ConsoleController()
export class ConsoleGrantsController {
  constructor(
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly grants: GrantsRepository,
    private readonly timeline: GrantTimeline,
    private readonly ends: EndGrants,
  ) {}

  @Get(':id')
  async show(
    @Person() person: ConsolePerson,
    @Param() { id }: GrantPagePath,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const list: CursorOf = ['events of a grant', 'console', id];
    const position = await this.cursors.read(list, cursorIn(query));
    const olderThan = position && {
      at: new Date(position['at'] ?? ''),
      sequence: BigInt(position['sequence'] ?? ''),
    };
    const history = await this.timeline.of(id, olderThan, EVENTS);
    if (!history) throw noSuchGrant();
    const end = history.olderThan;
    const cursor = await this.cursors.write(
      list,
      end && { at: end.at.toISOString(), sequence: end.sequence.toString() },
    );
    const next = nextPath(grantPath(id), {}, cursor);
    await sendPage(reply, grantPage({ person, now: this.clock.now(), id, history, next }));
  }

  @Get(':id/disconnect')
  async preview(
    @Person() person: ConsolePerson,
    @Param() { id }: GrantPagePath,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const mode = choiceIn(query, 'mode', DISCONNECT_MODES) ?? 'revoke';
    const grant = await this.#find(id);
    const page = endingPage({
      person,
      title: `Disconnect ${nameOf(grant)}`,
      userId: grant.userId,
      action: `${grantPath(id)}/disconnect`,
      button: 'Disconnect',
      mode,
      plan: await this.ends.preview([grant], mode),
      credentials: 0,
      connects: 0,
      isMore: false,
    });
    await sendPage(reply, page);
  }

  /** A success is recorded with what becomes of the grant, by grants/end-grants.ts. */
  @Post(':id/disconnect')
  @Audited('grant.disconnect', 'refusals')
  async disconnect(
    @Person() person: ConsolePerson,
    @Param() { id }: GrantPagePath,
    @Body() form: FormValues,
    @Req() { id: requestId }: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    audit.add({ grantId: id });
    const mode = choiceIn(form, 'mode', DISCONNECT_MODES);
    if (mode === null) throw invalidRequest({ mode: 'is missing: open the page again.' });
    const grant = await this.#find(id);
    audit.add({ userId: grant.userId, client: grant.client, details: { mode } });
    const by = { actor: actorOf(person), serviceId: null, requestId };
    const [ended] = (await this.ends.end([grant], mode, by)).grants;
    const done = ended?.outcome === 'kept' ? ended.reason : ended?.outcome;
    await reply.redirect(pathWith(userPath(grant.userId), { done: done ?? null }), 303);
  }

  async #find(id: string): Promise<Grant> {
    const grant = await this.grants.findById(id);
    if (grant) return grant;
    throw noSuchGrant();
  }
}
