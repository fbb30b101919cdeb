import type { FastifyInstance } from 'fastify';

/**
 * Tells callers not to keep their connection once the broker stops. Those that are idle Fastify closes itself; one
 * whose call was under way would be kept alive after its answer, and hold up the end.
 */
export function letGoOfConnections(server: FastifyInstance): void {
  let isStopping = false;
  server.addHook('preClose', (done) => {
    isStopping = true;
    done();
  });
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (isStopping) void reply.header('connection', 'close');
    done();
  });
}
