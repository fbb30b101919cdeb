/** The list of all grants, by client and status: who must act. Does not own one of them (grants.controller.ts). */
import { Controller, Get, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Settings } from '../../config/settings.js';
import { GRANT_STATUSES } from '../../domain/grant/grant.js';
import { Clock } from '../../domain/ports/clock.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import { GrantSearchRepository } from '../../token-store/grants/grant-search.repository.js';
import { nextPath } from '../paths.js';
import { choiceIn, cursorIn, type FormValues, textIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { grantListPage } from './grant-list-page.js';

const GRANTS = 50;
const PATH = '/console/grants';

@Controller('console/grants')
@ConsoleController()
export class ConsoleGrantListController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly search: GrantSearchRepository,
  ) {}

  @Get()
  async list(
    @Person() person: ConsolePerson,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const status = choiceIn(query, 'status', GRANT_STATUSES);
    // The settings may have lost the client of a grant.
    const client = textIn(query, 'client');
    const list: CursorOf = ['grants', 'console', status, client];
    const position = await this.cursors.read(list, cursorIn(query));
    const after = position && { at: new Date(position['at'] ?? ''), id: position['id'] ?? '' };
    const filter = { userId: null, email: null, sub: null, status, client };
    const { items, next } = await this.search.find({ ...filter, after, limit: GRANTS });
    const cursor = await this.cursors.write(list, next && { at: next.at.toISOString(), id: next.id });
    const page = grantListPage({
      person,
      now: this.clock.now(),
      status,
      client,
      clients: this.settings.clients.all().map(({ alias }) => alias),
      grants: items,
      next: nextPath(PATH, { status, client }, cursor),
    });
    await sendPage(reply, page);
  }
}
