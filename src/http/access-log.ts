import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
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
export function logAccess(app: NestFastifyApplication, count: (access: Access) => void): void {
  const log = new Logger('Access');
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onResponse', async (request, reply) => {
      const { method, url, id } = request;
      const status = reply.statusCode;
      const route = request.routeOptions.url ?? 'none';
      count({ method, route, status, seconds: reply.elapsedTime / 1000 });
      if (route.startsWith('/health/')) return;
      const service = callerOf(request)?.name;
      const line = {
        request_id: id,
        method,
        path: url.split('?', 1)[0],
        status,
        ms: Math.round(reply.elapsedTime),
        service,
      };
      if (status >= 500) log.warn(line);
      else log.log(line);
    });
}
