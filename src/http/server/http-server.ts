import { createServer, type RequestListener, type Server } from 'node:http';
import type { Logger as Log } from 'pino';
import { boundConnections } from './connections.js';
import type { RawResponses } from './raw-responses.js';

/** How long a connection may take for what, in milliseconds. docs/configuration.md says when each counts. */
export interface ConnectionTimes {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly idleMs: number;
  readonly keepAliveMs: number;
}

/** Node looks for late requests now and then: often enough that a short time is kept as well. */
const CHECKS_PER_TIMEOUT = 4;
const MAX_CHECK_MS = 2_000;

/**
 * Node's HTTP server, with a bound on everything that a connection can take: time for headers, for the whole request, for
 * an answer that is not read, and how many there are.
 */
export function createHttpServer(
  listener: RequestListener,
  times: ConnectionTimes,
  maxConnections: number,
  answers: RawResponses,
  log: Log,
): Server {
  const headersTimeout = Math.min(times.headersMs, times.requestMs);
  const server = createServer(
    {
      headersTimeout,
      requestTimeout: times.requestMs,
      keepAliveTimeout: times.keepAliveMs,
      connectionsCheckingInterval: Math.min(MAX_CHECK_MS, Math.ceil(headersTimeout / CHECKS_PER_TIMEOUT)),
      // Node would answer by itself, without a body; `registerPipeline` refuses it as RFC 9112 section 3.2 asks.
      requireHostHeader: false,
    },
    listener,
  );
  server.timeout = times.idleMs;
  answers.attach(server);
  boundConnections(server, maxConnections, {
    giveUp: (socket) => {
      answers.giveUp(socket, 'too_many_connections');
    },
    warn: () => {
      const facts = { context: 'Connections', max: maxConnections };
      log.warn(facts, 'connections are refused: HTTP_MAX_CONNECTIONS is reached');
    },
  });
  return server;
}
