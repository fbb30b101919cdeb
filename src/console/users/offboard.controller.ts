/** Offboarding a user: what the broker would end for them, and the form that ends it. */
import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidRequest } from '../../domain/errors.js';
import { DISCONNECT_MODES } from '../../grants/disconnect-grant.js';
import { OffboardUser } from '../../grants/offboard-user.js';
import { Audit, Audited, type AuditNote } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { UserPath } from '../../http/validation/user.dto.js';
import { pathWith, userPath } from '../paths.js';
import { choiceIn, type FormValues } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import { actorOf, type ConsolePerson } from '../sign-in/console-sessions.js';
import { endingPage } from './ending-page.js';

@Controller('console/users/:userId/offboard')
@ConsoleController()
export class ConsoleOffboardController {
  constructor(private readonly offboardUser: OffboardUser) {}

  @Get()
  async preview(
    @Person() person: ConsolePerson,
    @Param() { userId }: UserPath,
    @Query() query: FormValues,
    @Req() { id: requestId }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const mode = choiceIn(query, 'mode', DISCONNECT_MODES) ?? 'revoke';
    const by = { actor: actorOf(person), serviceId: null, requestId };
    const plan = await this.offboardUser.preview({ userId, mode, policy: null, by });
    const page = endingPage({
      person,
      title: `Offboard ${userId}`,
      userId,
      action: `${userPath(userId)}/offboard`,
      button: 'Offboard the user',
      mode,
      plan,
      credentials: plan.credentials,
      connects: plan.connects,
      isMore: !plan.isComplete && plan.grants.every(({ outcome }) => outcome !== 'kept'),
    });
    await sendPage(reply, page);
  }

  /** A success is recorded by grants/offboard-user.ts, with an event for each grant, credential and connect. */
  @Post()
  @Audited('user.offboard', 'refusals')
  async offboard(
    @Person() person: ConsolePerson,
    @Param() { userId }: UserPath,
    @Body() form: FormValues,
    @Req() { id: requestId }: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    audit.add({ userId });
    const mode = choiceIn(form, 'mode', DISCONNECT_MODES);
    if (mode === null) throw invalidRequest({ mode: 'is missing: open the page again.' });
    const by = { actor: actorOf(person), serviceId: null, requestId };
    const { isComplete } = await this.offboardUser.offboardByOperator({ userId, mode, by });
    const done = isComplete ? 'offboarded' : 'incomplete';
    await reply.redirect(pathWith(userPath(userId), { done }), 303);
  }
}
