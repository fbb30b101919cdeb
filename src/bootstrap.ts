import type { RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import type { DestinationStream } from 'pino';
import { AppModule, type BrokerOptions } from './app.module.js';
import type { Settings } from './config/settings.js';
import { AccessLog } from './http/logging/access-log.js';
import { openLog, requestId } from './http/logging/logger.js';
import { serveOpenApi } from './http/openapi.js';
import { registerPageHeaders, registerPipeline } from './http/pipeline.js';
import { refuseForRouter } from './http/problem/framework-errors.js';
import { ClientAddresses } from './http/rate-limit/client-address.js';
import { RateLimits } from './http/rate-limit/rate-limit.hook.js';
import { registerMethodNotAllowed } from './http/server/allowed-methods.js';
import { acceptJson, ignoreContentTypeOfEmptyBody, MAX_BODY_BYTES } from './http/server/bodies.js';
import { defaultMaxConnections } from './http/server/connections.js';
import { createHttpServer } from './http/server/http-server.js';
import { RawResponses } from './http/server/raw-responses.js';
import { refuseMalformedQueries } from './http/validation/query-text.js';
import { Metrics } from './operations/metrics.js';
import { acceptEventBodies } from './security-events/security-event.dto.js';
import { KeyLookup } from './services/service-key.js';
import { registerWarmPath, ResponseCache } from './tokens/response-cache.js';

/** Connections that may wait to be taken, as far as the system allows; Node's 511 are few for a crowd that comes at once. */
const BACKLOG = 4096;
/** Longer than any URL that Node takes: a parameter that is too long is refused by its own rule, which names it. */
const MAX_PARAMETER = 20_000;

/** What the broker lives in; a test brings its own. */
interface World extends Pick<BrokerOptions, 'clock'> {
  readonly logDestination?: DestinationStream;
}

/** Builds the broker and listens. The caller closes what it gets. */
export async function startBroker(
  settings: Settings,
  { clock, logDestination }: World = {},
): Promise<NestFastifyApplication> {
  const log = openLog(settings.logLevel, logDestination);
  const { publicUrl } = settings;
  // What these need of Nest is there before the first request.
  let metrics: Metrics | null = null;
  let keys: KeyLookup | null = null;
  let answers: ResponseCache | null = null;
  const access = new AccessLog(log, (call) => metrics?.recordCall(call));
  const limits = new RateLimits(
    settings.ratesPerMinute,
    new ClientAddresses(settings.trustedProxies),
    (request) => keys?.serviceOf(request) ?? null,
  );
  const rawResponses = new RawResponses(limits, access, publicUrl);
  const maxConnections =
    settings.maxConnections ?? defaultMaxConnections(settings.databasePoolSize + settings.googleConcurrency);
  const adapter = new FastifyAdapter({
    serverFactory: (listener: RequestListener) =>
      createHttpServer(listener, settings.connectionTimes, maxConnections, rawResponses, log),
    frameworkErrors: refuseForRouter(limits, access, publicUrl),
    routerOptions: { maxParamLength: MAX_PARAMETER },
    bodyLimit: MAX_BODY_BYTES,
    genReqId: requestId,
    forceCloseConnections: 'idle',
    // A call that came while the broker stops is answered like those before it; Fastify's own 503 is no problem+json.
    return503OnClosing: false,
  });
  // Before Nest is put together, so that these come before its middleware.
  const server = adapter.getInstance();
  registerPipeline(server, publicUrl, limits);
  registerWarmPath(server, () => answers);
  registerMethodNotAllowed(server);
  refuseMalformedQueries(server);
  ignoreContentTypeOfEmptyBody(server);
  await registerPageHeaders(server, publicUrl.startsWith('https:'));
  const module = AppModule.with(settings, clock ? { clock, log } : { log });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { bufferLogs: true });
  answers = app.get(ResponseCache);
  keys = app.get(KeyLookup);
  metrics = app.get(Metrics);
  app.useLogger(app.get(Logger));
  app.flushLogs();
  acceptJson(app);
  acceptEventBodies(app);
  access.watch(server);
  serveOpenApi(app);
  await app.listen({ port: settings.port, host: settings.host, backlog: BACKLOG });
  log.info(
    { context: 'Broker', host: settings.host, port: settings.port, public_url: settings.publicUrl },
    'ready',
  );
  return app;
}
