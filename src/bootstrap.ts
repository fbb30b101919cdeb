import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger, PinoLogger } from 'nestjs-pino';
import type { DestinationStream } from 'pino';
import { AppModule, type BrokerOptions } from './app.module.js';
import type { Settings } from './config/settings.js';
import { BUILD_INFO } from './domain/metrics/system-metrics.js';
import { Meter } from './domain/metrics/meter.js';
import { Clock } from './domain/ports/clock.js';
import { AccessLog } from './http/logging/access-log.js';
import { openLog } from './http/logging/logger.js';
import { serveOpenApi } from './http/openapi-document.js';
import { registerPipeline } from './http/pipeline.js';
import { ClientAddresses } from './http/rate-limit/client-address.js';
import { RateLimits } from './http/rate-limit/rate-limit.hook.js';
import { createAdapter } from './http/server/http-server.js';
import { ServiceUsageJob } from './operations/service-usage.job.js';
import { EVENT_BODIES } from './security-events/security-events.controller.js';
import { KeyLookup } from './services/service-key.js';
import { AuditLog } from './token-store/audit/audit-log.repository.js';
import { AcceptedCalls } from './tokens/accepted-calls.js';
import { ColdPath } from './tokens/cold-path.js';
import { ResponseCache } from './tokens/response-cache.js';
import { TokensController } from './tokens/tokens.controller.js';
import { WarmPath } from './tokens/warm-path.js';
import { WEBHOOKS } from './webhooks/webhook-events.js';

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
  const { publicUrl, host, port } = settings;
  const log = openLog(settings.logLevel, logDestination);
  const version = readVersion();
  const meter = new Meter();
  meter.gauge(BUILD_INFO).observe({ version, node: process.version }, () => 1);
  let features: Features | null = null;

  const limits = new RateLimits(
    settings,
    new ClientAddresses(settings.trustedProxies),
    meter,
    (request) => features?.keys.serviceOf(request) ?? null,
  );
  const accessLog = new AccessLog(log, meter);
  const { adapter, adminServer } = createAdapter(settings, {
    log,
    limits,
    accessLog,
    warmPath: (request, response, next) => {
      if (features) features.warmPath.serve(request, response, next);
      else next(request, response);
    },
  });
  await registerPipeline(adapter, { publicUrl, limits, accessLog, textBodies: EVENT_BODIES });

  const module = AppModule.with(settings, { log, version, meter, ...(clock ? { clock } : {}) });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { bufferLogs: true });
  const around = { limits, accessLog, clock: app.get(Clock), audit: app.get(AuditLog) };
  const coldPath = new ColdPath({
    ...around,
    calls: app.get(AcceptedCalls),
    controller: app.get(TokensController),
    log: await app.resolve(PinoLogger),
  });
  features = {
    keys: app.get(KeyLookup),
    warmPath: new WarmPath({ ...around, publicUrl, coldPath, responses: app.get(ResponseCache) }),
  };
  app.get(ServiceUsageJob).countWith(() => limits.takeCalls());
  app.useLogger(app.get(Logger));
  app.flushLogs();
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

/** Of the package.json above this file, wherever it was compiled or bundled to. */
function readVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    const file = new URL(path, import.meta.url);
    if (!existsSync(file)) continue;
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
}
