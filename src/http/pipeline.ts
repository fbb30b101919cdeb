import type { CanActivate, NestInterceptor } from '@nestjs/common';
import type { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { tracing } from '../tracing/tracing.js';
import type { AccessLog } from './logging/access-log.js';
import { refuseOtherUserPaths } from './cell-user.js';
import { ProblemFilter } from './problem/problem.filter.js';
import { limitRates, type RateLimits } from './rate-limit/rate-limit.hook.js';
import { decorateRequests } from './request-context.js';
import { registerPageHeaders, registerSecurityHeaders } from './security-headers.js';
import { registerPortSplit } from './server/admin-port.js';
import {
  acceptForms,
  acceptJson,
  acceptText,
  allowLongerBodies,
  ignoreContentTypeOfEmptyBody,
  type TextBodies,
} from './server/body-parsers.js';
import { registerMethodNotAllowed } from './server/method-not-allowed.js';
import { refuseMalformedQueries } from './validation/query-text.js';
import { validation } from './validation/validation.pipe.js';

/*
 * The order of a request, from top to bottom: registerHooks(), then registerHandlers(). Parts of features come as arguments, which
 * http/ does not import. server/http-server.ts bounds connections before it, and asks the warm path
 * (tokens/warm-path.ts), which answers what it has from the cache, and the cold path (tokens/cold-path.ts), which answers what
 * the pipeline accepted before: such a request sees nothing of the following, unless it is refused. What does
 * not become a request of Fastify is answered in server/raw-responses.ts: malformed HTTP, and a URL that the router cannot
 * read. The router sees the URL that server/forward-auth.ts makes of a proxy's headers.
 */

interface HookParts {
  readonly publicUrl: string;
  readonly cell: string | null;
  readonly hasAdminPort: boolean;
  readonly limits: RateLimits;
  readonly accessLog: AccessLog;
  readonly textBodies: TextBodies;
}

interface HandlerParts {
  readonly authentication: CanActivate;
  readonly audit: NestInterceptor;
}

/**
 * Call it before NestFactory.create(), which registers its middleware behind these hooks, and before any route: these
 * functions collect routes, or configure them.
 */
export async function registerHooks(
  adapter: FastifyAdapter,
  { publicUrl, cell, hasAdminPort, limits, accessLog, textBodies }: HookParts,
): Promise<void> {
  const server = adapter.getInstance<FastifyInstance>();
  decorateRequests(server);

  // onRequest, in this order:
  if (hasAdminPort) registerPortSplit(server);
  registerSecurityHeaders(server, publicUrl);
  // Of the token endpoint, whose credential is in its body, services/service-auth.guard.ts counts.
  limitRates(server, limits);
  registerMethodNotAllowed(server);
  refuseMalformedQueries(server);
  refuseOtherUserPaths(server, cell);
  ignoreContentTypeOfEmptyBody(server);
  await registerPageHeaders(server, publicUrl);
  // pino-http (app.module.ts), Nest's only middleware: each log line has the request's id

  // Body parsers, by content type. What follows a body runs where its last bytes came in.
  const traces = tracing();
  if (traces) {
    server.addHook('preValidation', (request, _reply, done) => {
      traces.within(request.raw, done);
    });
  }
  allowLongerBodies(server);
  acceptJson(adapter);
  acceptForms(adapter);
  acceptText(adapter, textBodies);

  // Nest's route handler: registerHandlers().

  // onResponse:
  accessLog.register(server);
}

/** Nest's route handler, in this order. Call it before the application listens. The routes of openapi-document.ts have only the filter. */
export function registerHandlers(app: NestFastifyApplication, { authentication, audit }: HandlerParts): void {
  app.useGlobalGuards(authentication); // services/service-auth.guard.ts
  app.useGlobalInterceptors(audit); // audit/audit.interceptor.ts, then a controller's own
  app.useGlobalPipes(validation);
  // The controller's method. Whatever any of these or a hook above throws, and a request without a route, is answered here:
  app.useGlobalFilters(app.get(ProblemFilter));
}
