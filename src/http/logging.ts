import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Params } from 'nestjs-pino';
import type { DestinationStream } from 'pino';

/** A caller may name its request itself, to find it again in our log. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * What a request looks like in the log: its path without the query (tickets, codes and states travel there), no
 * headers (credentials and cookies) and no body, at every level.
 */
export function logging(level: string, destination?: DestinationStream): Params {
  return {
    pinoHttp: [
      {
        level,
        genReqId: (request) => request.id,
        autoLogging: { ignore: (request) => request.url?.startsWith('/health/') ?? false },
        serializers: {
          req: ({ id, method, url }: { id: unknown; method: string; url: string }) => ({
            id,
            method,
            path: url.split('?', 1)[0],
          }),
          res: ({ statusCode }: { statusCode: number }) => ({ status: statusCode }),
          err: describeError,
        },
      },
      ...(destination ? [destination] : []),
    ] as Params['pinoHttp'] & object,
  };
}

/**
 * An error without its extra members: those of HTTP and database libraries can hold requests, parameters or rows.
 */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: 'not an Error' };
  const { name, message, stack } = error;
  const code = (error as { code?: unknown }).code;
  return { type: name, message, stack, ...(typeof code === 'string' ? { code } : {}) };
}
