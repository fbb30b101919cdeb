import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import type { DestinationStream } from 'pino';
import { AppModule, type Surroundings } from './app.module.js';
import type { Settings } from './config/settings.js';
import { logAccess } from './http/access-log.js';
import { dressPages, harden } from './http/harden.js';
import { openLog, requestId } from './http/logging.js';
import { serveOpenApi } from './http/openapi.js';
import { Metrics } from './operations/metrics.js';
import { acceptEventBodies } from './security-events/event-body.js';
import { RepeatAnswer } from './tokens/repeat-answer.js';
import { serveFromMemory } from './tokens/serve-from-memory.js';

/** Connections that may wait to be taken, as far as the system allows; Node's 511 are few for a crowd that comes at once. */
const BACKLOG = 4096;
/** Ids and paths of ours are short; a longer one is refused by its own rule, not by the router. */
const LONGEST_PARAMETER = 300;

/** What the broker lives in; a test brings its own. */
interface World extends Pick<Surroundings, 'clock'> {
  readonly logDestination?: DestinationStream;
}

/** Builds the broker and listens. The caller closes what it gets. */
export async function startBroker(
  settings: Settings,
  { clock, logDestination }: World = {},
): Promise<NestFastifyApplication> {
  const log = openLog(settings.logLevel, logDestination);
  const adapter = new FastifyAdapter({
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    bodyLimit: 64 * 1024,
    trustProxy: settings.trustedProxies.length > 0 ? [...settings.trustedProxies] : false,
    genReqId: requestId,
    forceCloseConnections: 'idle',
  });
  // Before Nest is put together, so that these come before its middleware.
  const server = adapter.getInstance();
  const https = settings.publicUrl.startsWith('https:');
  harden(server, https, {
    servicePerMinute: settings.serviceRateLimitPerMinute,
    browserPerMinute: settings.browserRateLimitPerMinute,
  });
  let answers: RepeatAnswer | null = null;
  serveFromMemory(server, () => answers);
  await dressPages(server, https);
  const module = AppModule.with(settings, clock ? { clock, log } : { log });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { bufferLogs: true });
  answers = app.get(RepeatAnswer);
  app.useLogger(app.get(Logger));
  app.flushLogs();
  acceptEventBodies(app);
  const metrics = app.get(Metrics);
  logAccess(app, log, (access) => {
    metrics.recordCall(access);
  });
  serveOpenApi(app);
  await app.listen({ port: settings.port, host: settings.host, backlog: BACKLOG });
  log.info(
    { context: 'Broker', host: settings.host, port: settings.port, public_url: settings.publicUrl },
    'ready',
  );
  return app;
}
