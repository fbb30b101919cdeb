import type { FastifyInstance } from 'fastify';
import { actingUser, homeOf } from './acting-user.js';
import type { Broker } from './broker.js';
import { homePage } from './home-page.js';
import { outcomeOf } from './outcome.js';
import { fieldsOf } from './page.js';

interface Place {
  readonly url: string;
  readonly standInUrl: string | null;
}

/** Where a user sees and removes the apps with access to a Google Account. */
const GOOGLE_CONNECTIONS = 'https://myaccount.google.com/connections';

/** @param url where browsers reach this app: the stand-in leads back to it, which Google does not */
export function showHome(app: FastifyInstance, broker: Broker, { url, standInUrl }: Place): void {
  app.get('/', async (request, reply) => {
    const fields = fieldsOf(request);
    const user = actingUser(fields);
    const grants = await broker.grants(user);
    const isRevoked = fields.get('done') === 'revoked';
    const notice = outcomeOf(fields);
    const connectionsUrl = connectionsOf(user);
    const page = homePage({ user, grants, notice, isRevoked, connectionsUrl });
    return reply.type('text/html; charset=utf-8').send(page);
  });

  function connectionsOf(user: string): string {
    if (standInUrl === null) return GOOGLE_CONNECTIONS;
    const connections = new URL('/connections', standInUrl);
    connections.searchParams.set('return_to', new URL(homeOf(user), url).href);
    return connections.href;
  }
}
