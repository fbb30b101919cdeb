import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger as Log } from 'pino';
import { callerOf } from './caller.js';

/** One finished call. */
export interface Access {
  readonly method: string;
  /** The pattern, such as /tokens/:userId: few enough to count by. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  /** From memory, without asking anybody. */
  readonly isRepeated: boolean;
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
      const { method, url, id } = request;
      const status = reply.statusCode;
      const route = request.routeOptions.url ?? 'none';
      const ms = reply.elapsedTime;
      count({ method, route, status, seconds: ms / 1000, isRepeated: request.isRepeated });
      const level = status >= 500 ? 'warn' : request.isRepeated ? 'debug' : 'info';
      if (!route.startsWith('/health/') && lines.isLevelEnabled(level)) {
        const query = url.indexOf('?');
        lines[level]({
          request_id: id,
          method,
          path: query < 0 ? url : url.slice(0, query),
          status,
          ms: Math.round(ms),
          service: callerOf(request)?.name,
        });
      }
      done();
    });
}
