import { once } from 'node:events';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { PinoLogger } from 'nestjs-pino';
import type { DestinationStream, Logger as Log } from 'pino';
import { AppModule, type BrokerOptions } from './app.module.js';
import { AuditInterceptor } from './audit/audit.interceptor.js';
import type { Settings } from './config/settings.js';
import { BUILD_INFO } from './domain/metrics/system-metrics.js';
import { Meter } from './domain/metrics/meter.js';
import { Clock } from './domain/ports/clock.js';
import { AccessLog } from './http/logging/access-log.js';
import { BrokerLogger, logging, openLog } from './http/logging/logger.js';
import { serveOpenApi } from './http/openapi-document.js';
import { registerHandlers, registerHooks } from './http/pipeline.js';
import { ClientAddresses } from './http/rate-limit/client-address.js';
import { RateLimits } from './http/rate-limit/rate-limit.hook.js';
import { createAdapter } from './http/server/http-server.js';
import { ServiceUsageJob } from './operations/service-usage.job.js';
import { EVENT_BODIES } from './security-events/receive-security-event.js';
import { ServiceAuthGuard } from './services/service-auth.guard.js';
import { KeyLookup } from './services/service-key.js';
import { AuditLog } from './token-store/audit/audit-log.repository.js';
import { AcceptedCalls } from './tokens/accepted-calls.js';
import { ColdPath } from './tokens/cold-path.js';
import { ResponseCache } from './tokens/response-cache.js';
import { TokenIssuer } from './tokens/token-issuer.js';
import { WarmPath } from './tokens/warm-path.js';
import { startTracing, tracing } from './tracing/tracing.js';
import { readVersion } from './version.js';
import { WEBHOOKS } from './webhooks/webhook-openapi.js';

/** The length of the accept queue, as far as the system allows. Node's 511 are too few for a burst of connections. */
const BACKLOG = 4096;

/** A test brings its own. */
interface StartOptions extends Pick<BrokerOptions, 'clock'> {
  readonly logDestination?: DestinationStream;
}

/** What server and pipeline take from features. Nest creates these after the pipeline, and before the first request. */
interface Features {
  readonly keys: KeyLookup;
  readonly warmPath: WarmPath;
}

/** Builds the broker and listens. The caller closes it. */
export async function startBroker(
  settings: Settings,
  { clock, logDestination }: StartOptions = {},
): Promise<NestFastifyApplication> {
  const { publicUrl, cell, host, port } = settings;
  const version = readVersion();
  await traceAsAsked(settings, version, () => log);
  const log = openLog(settings, version, logDestination);
  const meter = new Meter();
  meter.gauge(BUILD_INFO).observe({ version, node: process.version }, () => 1);
  let features: Features | null = null;

  const limits = new RateLimits(
    settings,
    new ClientAddresses(settings.trustedProxies),
    meter,
    (request) => features?.keys.serviceOf(request) ?? null,
  );
  const accessLog = new AccessLog(log, limits.addresses, meter);
  const { adapter, adminServer } = createAdapter(settings, {
    log,
    limits,
    accessLog,
    warmPath: (request, response, next) => {
      if (features) features.warmPath.serve(request, response, next);
      else next(request, response);
    },
  });
  const hasAdminPort = settings.adminPort !== null;
  await registerHooks(adapter, {
    publicUrl,
    cell,
    hasAdminPort,
    limits,
    accessLog,
    textBodies: EVENT_BODIES,
  });

  const module = AppModule.with(settings, { log, version, meter, ...(clock ? { clock } : {}) });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    // Not buffered: what the start waits for is said while it waits.
    logger: new BrokerLogger(new PinoLogger(logging(log)), {}),
    // main.ts explains what the start failed of.
    abortOnError: false,
  });
  registerHandlers(app, { authentication: app.get(ServiceAuthGuard), audit: app.get(AuditInterceptor) });
  const pinoLogger = await app.resolve<PinoLogger>(PinoLogger);
  const around = { limits, accessLog, clock: app.get(Clock), audit: app.get(AuditLog) };
  const coldPath = new ColdPath({
    ...around,
    calls: app.get(AcceptedCalls),
    issuer: app.get(TokenIssuer),
    log: pinoLogger,
    cell,
  });
  features = {
    keys: app.get(KeyLookup),
    warmPath: new WarmPath({ ...around, publicUrl, coldPath, responses: app.get(ResponseCache) }),
  };
  app.get(ServiceUsageJob).countWith(() => limits.takeCalls());
  serveOpenApi(app, WEBHOOKS, publicUrl);
  await app.listen({ port, host, backlog: BACKLOG });
  const { adminPort } = settings;
  if (adminServer && adminPort !== null) {
    adminServer.listen({ port: adminPort, host, backlog: BACKLOG });
    await once(adminServer, 'listening');
  }
  const ports = adminPort === null ? { port } : { port, admin_port: adminPort };
  log.info({ context: 'Broker', host, ...ports, public_url: publicUrl }, 'ready');
  return app;
}

/** Before all that asks whether there are traces. Loaded only where they are asked for: it is a tenth of the broker. */
async function traceAsAsked({ tracing: asked }: Settings, version: string, log: () => Log): Promise<void> {
  if (!asked || tracing()) return;
  const { exportTraces } = await import('./tracing/otlp.js');
  startTracing(
    exportTraces(asked, version, (fault) => {
      const to = log().child({ context: 'Tracing' });
      if (fault === null) to.info('traces arrive again');
      else to.warn({ fault }, 'traces do not arrive at the collector');
    }),
  );
}
