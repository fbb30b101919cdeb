import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { Logger as Log } from 'pino';
import { callerOf } from './caller.js';

/** One finished call. */
export interface Access {
  readonly seconds: number;
  /** From memory, without asking anybody: a good answer of GET /tokens/:userId. */
  readonly isRepeated: boolean;
  readonly method?: string;
  /** The pattern, such as /tokens/:userId: few enough to count by. */
  readonly route?: string;
  readonly status?: number;
}

/**
 * Writes one line a call: who, what, outcome; the path without its query. Health checks are left out. An answer from
 * memory is only worth a line when somebody looks for something: the audit trail and the metrics count it.
 */
export function logAccess(app: NestFastifyApplication, log: Log, count: (access: Access) => void): void {
  // Not through Nest's logger, which looks at every line anew: this one is written for every call.
  const lines = log.child({ context: 'Access' });
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onResponse', (request, reply, done) => {
      const { isRepeated } = request;
      const ms = reply.elapsedTime;
      if (isRepeated && !lines.isLevelEnabled('debug')) count({ seconds: ms / 1000, isRepeated });
      else {
        const status = reply.statusCode;
        const route = request.routeOptions.url ?? 'none';
        count({ method: request.method, route, status, seconds: ms / 1000, isRepeated });
        const level = status >= 500 ? 'warn' : isRepeated ? 'debug' : 'info';
        if (!route.startsWith('/health/')) lines[level](lineOf(request, status, ms));
      }
      done();
    });
}

function lineOf(request: FastifyRequest, status: number, ms: number) {
  const { method, url, id } = request;
  return {
    request_id: id,
    method,
    path: url.split('?', 1)[0],
    status,
    ms: Math.round(ms),
    service: callerOf(request)?.name,
  };
}
