/** Delegated credentials of all services, and their end. Each handle was shown once: only its hash is stored. */
import { Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BrokerError } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { type CursorOf, PageCursors } from '../../http/pagination/page-cursors.js';
import { aboutCredential, DelegatedCredentials } from '../../services/delegated-credentials.js';
import { DelegatedCredentialsRepository } from '../../token-store/services/delegated-credentials.repository.js';
import { ServicesRepository } from '../../token-store/services/services.repository.js';
import { nextPath, pathWith } from '../paths.js';
import { cursorIn, type FormValues, serviceIdOf, textIn, userIn } from '../form-values.js';
import { ConsoleController, Person } from '../sign-in/console.decorator.js';
import type { ConsolePerson } from '../sign-in/console-sessions.js';
import { credentialsPage } from './credentials-page.js';

const CREDENTIALS = 50;

@Controller('console/credentials')
@ConsoleController()
export class ConsoleCredentialsController {
  constructor(
    private readonly clock: Clock,
    private readonly cursors: PageCursors,
    private readonly services: ServicesRepository,
    private readonly store: DelegatedCredentialsRepository,
    private readonly credentials: DelegatedCredentials,
  ) {}

  @Get()
  async list(
    @Person() person: ConsolePerson,
    @Query() query: FormValues,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const service = textIn(query, 'service');
    const user = userIn(query);
    const list: CursorOf = ['credentials', 'console', service, user];
    const position = await this.cursors.read(list, cursorIn(query));
    const after = position && { at: new Date(position['at'] ?? ''), id: position['id'] ?? '' };
    const serviceId = await serviceIdOf(this.services, service);
    const { items, next } = await this.store.list({ serviceId, userId: user, after, limit: CREDENTIALS });
    const cursor = await this.cursors.write(list, next && { at: next.at.toISOString(), id: next.id });
    const names = await this.services.namesOf([...new Set(items.map((item) => item.serviceId))]);
    const page = credentialsPage({
      person,
      now: this.clock.now(),
      service,
      user,
      credentials: items.map((item) => ({ ...item, service: names.get(item.serviceId) ?? item.serviceId })),
      next: nextPath('/console/credentials', { service, user }, cursor),
      done: textIn(query, 'done'),
    });
    await sendPage(reply, page);
  }

  @Post(':id/revoke')
  @Audited('credential.revoke')
  async revoke(
    @Param('id') id: string,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    audit.add({ details: { credential: id } });
    const revoked = await this.credentials.revoke(id, null);
    if (!revoked) throw new BrokerError('not_found', 'There is no such delegated credential.');
    const { credential, changed } = revoked;
    const { serviceId: service } = credential;
    // The trail of the service whose credential it was shows the event, too.
    audit.add({ serviceId: service, ...aboutCredential(credential) });
    if (!changed) audit.omitSuccess();
    const done = changed ? 'revoked' : 'revoked_before';
    await reply.redirect(pathWith('/console/credentials', { service, done }), 303);
  }
}
