import type { FastifyInstance } from 'fastify';
import { actingUser, homeOf } from './acting-user.js';
import type { Broker } from './broker.js';

/** "Revoke current credentials" revokes a grant at Google, "Clear credentials" deletes it at the broker only. */
export function disconnect(app: FastifyInstance, broker: Broker): void {
  const ways = [
    { path: '/revoke', mode: 'revoke', done: 'revoked' },
    { path: '/clear', mode: 'local', done: 'cleared' },
  ] as const;
  for (const { path, mode, done } of ways) {
    app.post(path, async (request, reply) => {
      const form = request.body as URLSearchParams;
      const { others, isFinished } = await broker.disconnect(form.get('grant') ?? '', mode);
      const outcome = { done: isFinished ? done : 'revoking', others: String(others) };
      return reply.redirect(homeOf(actingUser(form), outcome), 303);
    });
  }
}
