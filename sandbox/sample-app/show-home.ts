import type { FastifyInstance } from 'fastify';
import { actingUser } from './acting-user.js';
import type { Broker } from './broker.js';
import { homePage } from './home-page.js';
import { outcomeOf } from './outcome.js';
import { fieldsOf } from './page.js';

/** Where a user sees and removes the apps with access to a Google Account. */
const GOOGLE_CONNECTIONS = 'https://myaccount.google.com/connections';

export function showHome(app: FastifyInstance, broker: Broker, standInUrl: string | null): void {
  const connectionsUrl = standInUrl === null ? GOOGLE_CONNECTIONS : new URL('/connections', standInUrl).href;
  app.get('/', async (request, reply) => {
    const fields = fieldsOf(request);
    const user = actingUser(fields);
    const grants = await broker.grants(user);
    const isRevoked = fields.get('done') === 'revoked';
    const notice = outcomeOf(fields);
    const page = homePage({ user, grants, notice, isRevoked, connectionsUrl });
    return reply.type('text/html; charset=utf-8').send(page);
  });
}
