import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { RequestMethod } from '@nestjs/common';
import { Logger, type Params } from 'nestjs-pino';
import { pino, type DestinationStream, type Logger as Log, type LoggerOptions } from 'pino';
import type { Settings } from '../../config/settings.js';
import { tracing } from '../../tracing/tracing.js';
import { handedOver } from '../request-context.js';
import { formatted } from './log-format.js';

/** A caller may choose the id of its request, to find it in the broker's log. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function requestId(request: IncomingMessage): string {
  const begun = handedOver(request);
  if (begun) return begun.requestId;
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

type LogSettings = Pick<Settings, 'logLevel' | 'logFormat' | 'otelServiceName' | 'googleCloudProject'>;

/** @param version of the broker, which each line names */
export function openLog(
  settings: LogSettings,
  version: string,
  destination: DestinationStream = standardOutput(),
): Log {
  const { logLevel: level, otelServiceName: name } = settings;
  const options: LoggerOptions = {
    level,
    base: { pid: process.pid, hostname: hostname(), name, version },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
    ...(tracing() ? { mixin: traceIds } : {}),
  };
  return pino(options, formatted(destination, settings));
}

/** As OpenTelemetry names them. https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/ */
function traceIds(): object {
  const ids = tracing()?.ids();
  if (!ids) return {};
  return { trace_id: ids.traceId, span_id: ids.spanId, trace_flags: ids.isSampled ? '01' : '00' };
}

/**
 * Each log line has the id of its request, and nothing else of it, at any level: no headers (credentials, cookies), no
 * query (tickets, codes, states), no body. access-log.ts writes the one line of the request itself.
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
      serializers: { req: () => undefined },
    },
  };
}

/** Written in chunks, at least every 200 ms and at exit: one system call per line is slow. */
function standardOutput(): DestinationStream {
  return pino.destination({ dest: 1, sync: false, minLength: 16_000, periodicFlush: 200 });
}

/** An error without its other properties: HTTP and database libraries put requests, parameters or rows there. */
function describeError(error: unknown): object {
  const { name, message, stack, code } = error as Partial<NodeJS.ErrnoException>;
  return { type: name, message, stack, ...(typeof code === 'string' ? { code } : {}) };
}

/** What Nest says of each module and route that it finds. */
const FOUND_AT_START = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Nest's logger, except for its lines about the start: those are at `debug`, and bootstrap.ts writes one. */
export class BrokerLogger extends Logger {
  override log(message: unknown, ...params: unknown[]): void {
    const write = FOUND_AT_START.has(params.at(-1) as string) ? 'debug' : 'log';
    super[write](message, ...params);
  }
}
