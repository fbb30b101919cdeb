/** The audit trail, of all services and users: as a page, and whole as CSV. Does not own what is recorded (docs/audit.md). */
import { Controller, Get, Query, Res, StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { AUDIT_CSV_HEADER, toCsvLine } from '../../audit/audit-formats.js';
import { AUDIT_ACTIONS } from '../../domain/audit-entry.js';
import { Clock } from '../../domain/ports/clock.js';
import { sendPage } from '../../http/page-responses.js';
import { ListQueue } from '../../http/pagination/list-queue.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import {
  AuditEventsRepository,
  type AuditPosition,
  type AuditQuery,
} from '../../token-store/audit/audit-events.repository.js';
import { AuditLog } from '../../token-store/audit/audit-log.repository.js';
import { ServicesRepository } from '../../token-store/services/services.repository.js';
import { nextPath, pathWith } from '../paths.js';
import { choiceIn, cursorIn, type FormValues, serviceIdOf, textIn, timeIn, userIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import { actorOf, type ConsolePerson } from '../sign-in/console-sessions.js';
import { auditPage, type ShownFilter } from './audit-page.js';

const EVENTS = 50;
/** Of one query, of the whole trail. */
const CSV_EVENTS = 500;

type Filter = Omit<AuditQuery, 'olderThan' | 'limit'>;

@Controller('console')
@ConsoleController()
export class ConsoleAuditController {
  constructor(
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly log: AuditLog,
    private readonly trail: AuditEventsRepository,
    private readonly services: ServicesRepository,
    private readonly lists: ListQueue,
  ) {}

  @Get('audit')
  async show(
    @Person() person: ConsolePerson,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const filter = await this.#filterOf(query);
    const shown = shownOf(query, filter);
    const list: CursorOf = ['audit', 'console', shown];
    const position = await this.cursors.read(list, cursorIn(query));
    const olderThan = position && {
      at: new Date(position['at'] ?? ''),
      sequence: BigInt(position['sequence'] ?? ''),
    };
    // Events are written behind: a person finds what they just did.
    await this.log.flush();
    const { items, next } = await this.trail.find({ ...filter, olderThan, limit: EVENTS });
    const end = next && { at: next.at.toISOString(), sequence: next.sequence.toString() };
    const page = auditPage({
      person,
      now: this.clock.now(),
      filter: shown,
      events: items,
      csv: pathWith('/console/audit.csv', shown),
      next: nextPath('/console/audit', shown, await this.cursors.write(list, end)),
    });
    await sendPage(reply, page);
  }

  /** Sent while it is read: a trail can be longer than memory. For HEAD nothing is read: Nest does not begin the stream of a file. */
  @Get('audit.csv')
  async download(@Person() person: ConsolePerson, @Query() query: FormValues): Promise<StreamableFile> {
    const filter = await this.#filterOf(query);
    await this.log.flush();
    const day = this.clock.now().toISOString().slice(0, 10);
    return new StreamableFile(Readable.from(this.#linesOf(person, filter)), {
      type: 'text/csv; charset=utf-8',
      disposition: `attachment; filename="audit-${day}.csv"`,
    });
  }

  /** Each page waits for its turn among the lists, and for the reader of the one before. */
  async *#linesOf(person: ConsolePerson, filter: Filter): AsyncGenerator<string> {
    yield `${AUDIT_CSV_HEADER}\r\n`;
    let olderThan: AuditPosition | null = null;
    do {
      const page: AuditQuery = { ...filter, olderThan, limit: CSV_EVENTS };
      const { items, next } = await this.lists.run({ id: actorOf(person) }, () => this.trail.find(page));
      if (items.length > 0) yield items.map((event) => `${toCsvLine(event)}\r\n`).join('');
      olderThan = next;
    } while (olderThan !== null);
  }

  async #filterOf(query: FormValues): Promise<Filter> {
    return {
      users: ['*'],
      userId: userIn(query),
      serviceId: await serviceIdOf(this.services, textIn(query, 'service')),
      action: choiceIn(query, 'action', AUDIT_ACTIONS),
      since: timeIn(query, 'since'),
      until: timeIn(query, 'until'),
    };
  }
}

/** As the form shows it again, and as links repeat it. */
function shownOf(query: FormValues, { userId, action, since, until }: Filter): ShownFilter {
  return {
    user: userId,
    service: textIn(query, 'service'),
    action,
    since: since?.toISOString() ?? null,
    until: until?.toISOString() ?? null,
  };
}
