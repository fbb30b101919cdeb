import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger as Log } from 'pino';
import { tracing } from '../../tracing/tracing.js';
import type { AccessLog } from '../logging/access-log.js';
import { requestId } from '../logging/logger.js';
import type { RateLimits } from '../rate-limit/rate-limit.hook.js';
import { takeRoutedPath } from '../token-endpoint.js';
import { markAdminRequests } from './admin-port.js';
import { MAX_BODY_BYTES } from './body-parsers.js';
import { boundConnections, defaultMaxConnections, hasBody } from './connections.js';
import { rewriteForwardAuth } from './forward-auth.js';
import { RawResponses, refuseForRouter } from './raw-responses.js';

/** Longer than any URL that Node accepts: validation then refuses a long parameter, and names it. */
const MAX_PARAMETER = 20_000;
/** How often Node looks for late requests: often enough to keep a short timeout, too. */
const CHECKS_PER_TIMEOUT = 4;
const MAX_CHECK_MS = 2_000;
const CLOSE_IDLE_MS = 50;

/** docs/configuration.md#connections says when each counts. */
export interface ServerOptions {
  readonly publicUrl: string;
  readonly cell: string | null;
  readonly httpHeadersTimeoutMs: number;
  readonly httpRequestTimeoutMs: number;
  readonly httpConnectionTimeoutMs: number;
  readonly httpKeepAliveMs: number;
  /** Null: what the limit of open files leaves after the connections to PostgreSQL and Google. */
  readonly httpMaxConnections: number | null;
  readonly databasePoolSize: number;
  readonly googleConcurrency: number;
  /** Of the second server; null: there is none. */
  readonly adminPort: number | null;
}

/**
 * Sends the cached response of a request, if it is still true.
 * @param next Fastify, which gets the request as it came otherwise: nothing was sent and nothing counted
 */
type WarmPathHandler = (request: IncomingMessage, response: ServerResponse, next: RequestListener) => void;

/** What the server takes from its caller. The last one comes from a feature, which http/ does not import. */
interface ServerParts {
  readonly log: Log;
  readonly limits: RateLimits;
  readonly accessLog: AccessLog;
  readonly warmPath: WarmPathHandler;
}

/**
 * Creates Fastify on a server with bounded connections. It answers in one format also what never becomes a request.
 * @returns with it the server of ADMIN_PORT, which does not listen yet; null: there is none
 */
export function createAdapter(
  options: ServerOptions,
  { log, limits, accessLog, warmPath }: ServerParts,
): { readonly adapter: FastifyAdapter; readonly adminServer: Server | null } {
  const { publicUrl } = options;
  const rawResponses = new RawResponses(limits, accessLog, publicUrl);
  let isClosing = false;
  const second: { server: Server | null } = { server: null };
  const adapter = new FastifyAdapter({
    serverFactory: (listener: RequestListener) => {
      const listenWarm: RequestListener = (request, response) => {
        // While it closes, Fastify says so to each caller: `Connection: close`.
        if (isClosing) listener(request, response);
        else warmPath(request, response, listener);
      };
      if (options.adminPort !== null) {
        second.server = createHttpServer(listener, options, rawResponses, log);
        markAdminRequests(second.server);
      }
      return createHttpServer(listenWarm, options, rawResponses, log);
    },
    // RawResponses has answered, or leaves the connection to what was answered before.
    clientErrorHandler: () => undefined,
    frameworkErrors: refuseForRouter(limits, accessLog, publicUrl),
    rewriteUrl: rewriteForwardAuth,
    routerOptions: { maxParamLength: MAX_PARAMETER },
    bodyLimit: MAX_BODY_BYTES,
    genReqId: requestId,
    // No route has a schema of Fastify's: validation.pipe.ts checks DTOs. So its compilers, half a megabyte, are not loaded.
    schemaController: { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } },
    forceCloseConnections: 'idle',
    // A request that comes during shutdown is answered like any other; Fastify's own 503 is not problem+json.
    return503OnClosing: false,
  });
  const server = adapter.getInstance<FastifyInstance>();
  server.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  const adminServer = second.server;
  closeConnectionsGracefully(server, adminServer ? [server.server, adminServer] : [server.server]);
  return { adapter, adminServer };
}

function createHttpServer(
  listener: RequestListener,
  options: ServerOptions,
  rawResponses: RawResponses,
  log: Log,
): Server {
  const headersTimeout = Math.min(options.httpHeadersTimeoutMs, options.httpRequestTimeoutMs);
  const server = createServer({
    headersTimeout,
    requestTimeout: options.httpRequestTimeoutMs,
    keepAliveTimeout: options.httpKeepAliveMs,
    connectionsCheckingInterval: Math.min(MAX_CHECK_MS, Math.ceil(headersTimeout / CHECKS_PER_TIMEOUT)),
    // Node would answer without a body; `registerSecurityHeaders` refuses the request with one.
    requireHostHeader: false,
    // A request without Content-Length and Transfer-Encoding has no body (RFC 9112 section 6.3). Its stream is `destroyed` from
    // the start and emits no events, which no reader waits for: `ignoreContentTypeOfEmptyBody`. Node 24.12 and later.
    optimizeEmptyRequests: true,
  });
  server.timeout = options.httpConnectionTimeoutMs;
  rawResponses.attach(server);
  const max =
    options.httpMaxConnections ?? defaultMaxConnections(options.databasePoolSize + options.googleConcurrency);
  const bound = boundConnections(server, max, {
    evict: (socket) => {
      rawResponses.evict(socket, 'too_many_connections');
    },
    warn: () => {
      log.warn({ context: 'Connections', max }, 'connections are refused: HTTP_MAX_CONNECTIONS is reached');
    },
  });
  const traced = tracing()?.listener(listener) ?? listener;
  // One listener: of several, Node copies the list with each request.
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    takeRoutedPath(request, options.cell);
    bound(request, response);
    if (hasBody(request)) rawResponses.withBody(request, response);
    traced(request, response);
  });
  return server;
}

/**
 * Closes callers' connections during shutdown. Fastify closes those that are idle when it begins; one with a request in
 * flight would be kept alive after the response, and delay the exit.
 */
function closeConnectionsGracefully(server: FastifyInstance, servers: readonly Server[]): void {
  server.addHook('preClose', (done) => {
    const timer = setInterval(() => {
      for (const each of servers) each.closeIdleConnections();
    }, CLOSE_IDLE_MS);
    // Fastify closes its own.
    for (const other of servers.slice(1)) other.close();
    void Promise.all(servers.map((each) => once(each, 'close'))).then(() => {
      clearInterval(timer);
    });
    done();
  });
}

function refuseSchemas(): never {
  throw new Error('A route has a schema of Fastify: describe it with a DTO.');
}
