import type { FastifyInstance } from 'fastify';
import { actingUser, homeOf } from './acting-user.js';
import type { Broker } from './broker.js';

/** What leads to pages of the broker, and back: each by a link for this user, made when the button is pressed. */
export function connect(app: FastifyInstance, broker: Broker, url: string): void {
  /** "Test the auth flow directly". */
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

  /** "See and end what this app holds". */
  app.post('/manage', async (request, reply) => {
    const user = actingUser(request.body as URLSearchParams);
    return reply.redirect(await broker.manageUrl(user, new URL(homeOf(user), url).href), 303);
  });
}
