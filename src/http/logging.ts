import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { RequestMethod } from '@nestjs/common';
import type { Params } from 'nestjs-pino';
import type { DestinationStream } from 'pino';

/** A caller may name its request itself, to find it again in our log. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * Every line of the log carries the id of its request, and nothing else of it: no headers (credentials and cookies),
 * no query (tickets, codes and states travel there) and no body, at any level. The one line a request gets of its
 * own is written in access-log.ts.
 */
export function logging(level: string, destination?: DestinationStream): Params {
  return {
    forRoutes: [{ path: '/*all', method: RequestMethod.ALL }],
    pinoHttp: [
      {
        level,
        genReqId: (request) => request.id,
        autoLogging: false,
        quietReqLogger: true,
        customAttributeKeys: { reqId: 'request_id' },
        wrapSerializers: false,
        serializers: { err: describeError },
      },
      ...(destination ? [destination] : []),
    ] as Params['pinoHttp'] & object,
  };
}

/** An error without its extra members: those of HTTP and database libraries can hold requests, parameters or rows. */
function describeError(error: unknown): object {
  const { name, message, stack, code } = error as Partial<NodeJS.ErrnoException>;
  return { type: name, message, stack, ...(typeof code === 'string' ? { code } : {}) };
}
