/** The page of services: what each may do, and how much it calls. Does not own their creation: the command line prints the key. */
import { Controller, Get, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../domain/ports/clock.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import { DelegatedCredentialsRepository } from '../../token-store/services/delegated-credentials.repository.js';
import { ServiceUsageRepository } from '../../token-store/services/service-usage.repository.js';
import { ServicesRepository } from '../../token-store/services/services.repository.js';
import { nextPath } from '../paths.js';
import { cursorIn, type FormValues } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { COUNTED_CREDENTIALS, servicesPage } from './services-page.js';

const SERVICES = 50;
const LIST: CursorOf = ['services', 'console'];

@Controller('console/services')
@ConsoleController()
export class ConsoleServicesController {
  constructor(
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly services: ServicesRepository,
    private readonly usage: ServiceUsageRepository,
    private readonly credentials: DelegatedCredentialsRepository,
  ) {}

  @Get()
  async list(
    @Person() person: ConsolePerson,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const position = await this.cursors.read(LIST, cursorIn(query));
    const after = position && { at: new Date(position['at'] ?? ''), id: position['id'] ?? '' };
    const { items, next } = await this.services.page(after, SERVICES);
    const ids = items.map(({ id }) => id);
    const now = this.clock.now();
    const [usage, credentials] = await Promise.all([
      this.usage.of(ids, now),
      this.credentials.countUsable(ids, now, COUNTED_CREDENTIALS),
    ]);
    const cursor = await this.cursors.write(LIST, next && { at: next.at.toISOString(), id: next.id });
    const page = servicesPage({
      person,
      now,
      services: items.map((service) => ({
        ...service,
        usage: usage.get(service.id) ?? null,
        credentials: credentials.get(service.id) ?? 0,
      })),
      next: nextPath('/console/services', {}, cursor),
    });
    await sendPage(reply, page);
  }
}
