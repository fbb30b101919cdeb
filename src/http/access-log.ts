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
}

/** Writes one line a call: who, what, outcome; the path without its query. Health checks are left out. */
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
      count({ method, route, status, seconds: reply.elapsedTime / 1000 });
      if (!route.startsWith('/health/')) {
        const query = url.indexOf('?');
        lines[status >= 500 ? 'warn' : 'info']({
          request_id: id,
          method,
          path: query < 0 ? url : url.slice(0, query),
          status,
          ms: Math.round(reply.elapsedTime),
          service: callerOf(request)?.name,
        });
      }
      done();
    });
}
