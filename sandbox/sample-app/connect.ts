import type { FastifyInstance } from 'fastify';
import { actingUser, homeOf } from './acting-user.js';
import type { Broker } from './broker.js';

/** "Test the auth flow directly": get a link for this user, and send the browser there. */
export function connect(app: FastifyInstance, broker: Broker, url: string): void {
  app.post('/connect', async (request, reply) => {
    const form = request.body as URLSearchParams;
    const user = actingUser(form);
    const link = await broker.connectUrl({
      user_id: user,
      scope: form.getAll('scope').join(' '),
      return_to: new URL(homeOf(user), url).href,
    });
    return reply.redirect(link, 303);
  });
}
