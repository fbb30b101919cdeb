/**
 * A second server on ADMIN_PORT for what operators use: /console, /metrics, /docs. Both servers lead to the same routes; which of them
 * a request came through decides which paths exist for it. Owns that decision. Without ADMIN_PORT, one server has all paths.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { BrokerError } from '../../domain/errors.js';

const ADMIN_PATHS = ['/console', '/metrics', '/docs'];
/** For probes of either port, for /docs, and for pages of errors. */
const COMMON_PATHS = ['/health', '/openapi.json', '/style.css'];

const fromAdminPort = new WeakSet<IncomingMessage>();

/** Marks what comes through the second server. Call it before that server has other listeners. */
export function markAdminRequests(server: Server): void {
  server.prependListener('request', (request: IncomingMessage) => {
    fromAdminPort.add(request);
  });
}

/** Refuses what belongs to the other port, as if it did not exist there. */
export function registerPortSplit(server: FastifyInstance): void {
  server.addHook('onRequest', ({ raw, routeOptions }, _reply, done) => {
    const path = routeOptions.url ?? raw.url ?? '';
    const isAdmin = fromAdminPort.has(raw);
    const isElsewhere = !isBelow(COMMON_PATHS, path) && isBelow(ADMIN_PATHS, path) !== isAdmin;
    done(
      isElsewhere ? new BrokerError('not_found', 'Nothing is served at this address and port.') : undefined,
    );
  });
}

function isBelow(paths: readonly string[], url: string): boolean {
  const [path = ''] = url.split(/[?#]/, 1);
  // Swagger also serves /docs-json and /docs-yaml.
  return paths.some((each) => path === each || path.startsWith(`${each}/`) || path.startsWith(`${each}-`));
}
