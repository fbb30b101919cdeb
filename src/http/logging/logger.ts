import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { RequestMethod } from '@nestjs/common';
import type { Params } from 'nestjs-pino';
import { pino, type DestinationStream, type Logger as Log } from 'pino';

/** A caller may name its request itself, to find it again in our log. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The broker's log. */
export function openLog(level: string, destination: DestinationStream = standardOutput()): Log {
  return pino({ level, serializers: { err: describeError } }, destination);
}

/**
 * Every line of the log carries the id of its request, and nothing else of it: no headers (credentials and cookies),
 * no query (tickets, codes and states travel there) and no body, at any level. The one line a request gets of its
 * own is written in access-log.ts.
 */
export function logging(log: Log): Params {
  return {
    forRoutes: [{ path: '/*all', method: RequestMethod.ALL }],
    pinoHttp: {
      logger: log,
      genReqId: (request) => request.id,
      autoLogging: false,
      quietReqLogger: true,
      customAttributeKeys: { reqId: 'request_id' },
      wrapSerializers: false,
      // A request is never written, and nothing of it is read for that.
      serializers: { req: () => undefined },
    },
  };
}

/** Written in chunks, at the latest after a moment and at the end of the process: a system call a line is slow. */
function standardOutput(): DestinationStream {
  return pino.destination({ dest: 1, sync: false, minLength: 16_000, periodicFlush: 200 });
}

/** An error without its extra members: those of HTTP and database libraries can hold requests, parameters or rows. */
function describeError(error: unknown): object {
  const { name, message, stack, code } = error as Partial<NodeJS.ErrnoException>;
  return { type: name, message, stack, ...(typeof code === 'string' ? { code } : {}) };
}
