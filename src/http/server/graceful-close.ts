import type { FastifyInstance } from 'fastify';

const LOOK_MS = 50;

/**
 * Closes the connections of callers once the broker stops. Fastify closes those that are idle by then; one whose call
 * was under way would be kept alive after its answer, and hold up the end.
 */
export function closeConnectionsGracefully(server: FastifyInstance): void {
  server.addHook('preClose', (done) => {
    const timer = setInterval(() => {
      server.server.closeIdleConnections();
    }, LOOK_MS);
    server.server.once('close', () => {
      clearInterval(timer);
    });
    done();
  });
}
