/**
 * The pages about users: the search, and one user with all grants. Does not own what is done to them: grants.controller.ts,
 * offboard.controller.ts, and tickets/link.controller.ts.
 */
import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../domain/ports/clock.js';
import type { Page } from '../../domain/list-position.js';
import { GrantTimeline } from '../../grants/grant-timeline.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import { UserPath } from '../../http/validation/user.dto.js';
import { GrantListsRepository } from '../../token-store/grants/grant-lists.repository.js';
import {
  type FoundUser,
  GrantSearchRepository,
  type UserFilter,
} from '../../token-store/grants/grant-search.repository.js';
import { nextPath, userPath } from '../paths.js';
import { choiceIn, cursorIn, type FormValues, textIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { userPage } from './user-page.js';
import { SEARCHED, type Searched, usersPage } from './users-page.js';

const USERS = 50;
/** Each with its timeline and slots. */
const GRANTS = 10;
const EVENTS = 10;

@Controller('console/users')
@ConsoleController()
export class ConsoleUsersController {
  constructor(
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly search: GrantSearchRepository,
    private readonly lists: GrantListsRepository,
    private readonly timeline: GrantTimeline,
  ) {}

  @Get()
  async find(
    @Person() person: ConsolePerson,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const text = textIn(query, 'text');
    const asked = choiceIn(query, 'by', SEARCHED);
    const list: CursorOf = ['users', 'console', text, asked];
    const position = await this.cursors.read(list, cursorIn(query));
    const { by, page } = await this.#find(text, asked, position?.['id'] ?? null);
    // The pages after the first keep to what the first one found.
    const end = page.next === null ? null : { id: page.next };
    const cursor = await this.cursors.write(['users', 'console', text, by], end);
    const next = nextPath('/console/users', { text, by }, cursor);
    await sendPage(reply, usersPage({ person, text, by, users: page.items, next }));
  }

  @Get(':userId')
  async show(
    @Person() person: ConsolePerson,
    @Param() { userId }: UserPath,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const list: CursorOf = ['grants of a user', 'console', userId];
    const position = await this.cursors.read(list, cursorIn(query));
    const after = position && { at: new Date(position['at'] ?? ''), id: position['id'] ?? '' };
    const { items, next } = await this.lists.ofUser({ userId, clients: ['*'], after, limit: GRANTS });
    const histories = await Promise.all(items.map(({ id }) => this.timeline.of(id, null, EVENTS)));
    const cursor = await this.cursors.write(list, next && { at: next.at.toISOString(), id: next.id });
    const page = userPage({
      person,
      now: this.clock.now(),
      userId,
      // One may have been disconnected meanwhile.
      histories: histories.filter((history) => history !== null),
      next: nextPath(userPath(userId), {}, cursor),
      done: textIn(query, 'done'),
    });
    await sendPage(reply, page);
  }

  /** Without a choice, what the text looks like goes first. */
  async #find(
    text: string | null,
    asked: Searched | null,
    after: string | null,
  ): Promise<{ readonly by: Searched; readonly page: Page<FoundUser, string> }> {
    const likely = likelyOf(text);
    const first = asked ?? likely;
    const page = await this.#read(text, first, after);
    if (asked !== null || likely === 'id' || page.items.length > 0) return { by: first, page };
    return { by: 'id', page: await this.#read(text, 'id', after) };
  }

  #read(text: string | null, by: Searched, after: string | null): Promise<Page<FoundUser, string>> {
    return this.search.findUsers({ ...filterOf(text, by), after, limit: USERS });
  }
}

function filterOf(text: string | null, by: Searched): UserFilter {
  return {
    prefix: by === 'id' ? (text ?? '') : '',
    email: by === 'email' ? text : null,
    sub: by === 'sub' ? text : null,
  };
}

function likelyOf(text: string | null): Searched {
  if (text === null) return 'id';
  if (text.includes('@')) return 'email';
  return /^\d{15,}$/.test(text) ? 'sub' : 'id';
}
