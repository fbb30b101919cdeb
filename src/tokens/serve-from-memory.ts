import type { FastifyInstance } from 'fastify';
import type { RepeatAnswer } from './repeat-answer.js';

/** Only this route's answers are remembered; a look at the path saves looking for others. */
const PATH = '/tokens/';

/**
 * Puts memory in front of the route: after what counts and hardens every call, before all of Nest and of what pages need.
 * @param answers none until the broker is put together
 */
export function serveFromMemory(server: FastifyInstance, answers: () => RepeatAnswer | null): void {
  server.addHook('onRequest', (request, reply, done) => {
    const mayBeKnown = request.url.startsWith(PATH) && request.method === 'GET';
    if (!mayBeKnown || !answers()?.serve(request, reply)) done();
  });
}
