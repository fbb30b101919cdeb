import type { FastifyInstance } from 'fastify';
import { actingUser } from './acting-user.js';
import type { Broker } from './broker.js';
import { homePage } from './home-page.js';
import { outcomeOf } from './outcome.js';
import { fieldsOf } from './page.js';

export function showHome(app: FastifyInstance, broker: Broker): void {
  app.get('/', async (request, reply) => {
    const fields = fieldsOf(request);
    const user = actingUser(fields);
    const grants = await broker.grants(user);
    return reply.type('text/html; charset=utf-8').send(homePage({ user, grants, notice: outcomeOf(fields) }));
  });
}
