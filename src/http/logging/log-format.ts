/**
 * How a log line is written, by LOG_FORMAT: the broker's own JSON, or what another system reads without a parser of its own.
 * Owns the names of members; what is in a line, and what never is, is decided before (logger.ts, access-log.ts).
 */
import { styleText } from 'node:util';
import type { DestinationStream } from 'pino';
import type { Settings } from '../../config/settings.js';

/** As pino wrote it, of the members that have another name elsewhere. */
interface LogLine {
  readonly level: string;
  /** RFC 3339 */
  readonly time: string;
  readonly pid: number;
  readonly hostname: string;
  /** Of the service that logs, not of the one that called. */
  readonly name: string;
  readonly version: string;
  readonly msg?: string;
  readonly context?: string;
  readonly request_id?: string;
  readonly err?: {
    readonly type?: string;
    readonly message?: string;
    readonly stack?: string;
    readonly code?: string;
  };
  /** Of a request: access-log.ts. */
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly ms?: number;
  readonly service?: string;
  readonly address?: string;
  /** Where there are traces. */
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly trace_flags?: string;
}

type FormatSettings = Pick<Settings, 'logFormat' | 'googleCloudProject'>;

/** @returns a stream that rewrites each line; the same one for JSON, which is written so */
export function formatted(
  destination: DestinationStream,
  { logFormat, googleCloudProject }: FormatSettings,
): DestinationStream {
  if (logFormat === 'json') return destination;
  const format = {
    pretty: toPretty,
    gcp: (line: LogLine) => JSON.stringify(toGcp(line, googleCloudProject)),
    ecs: (line: LogLine) => JSON.stringify(toEcs(line)),
  }[logFormat];
  return {
    write: (line) => {
      destination.write(`${format(JSON.parse(line) as LogLine)}\n`);
    },
  };
}

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#logseverity */
const SEVERITIES: Readonly<Record<string, string>> = {
  fatal: 'CRITICAL',
  error: 'ERROR',
  warn: 'WARNING',
  info: 'INFO',
  debug: 'DEBUG',
  trace: 'DEBUG',
};

/** https://cloud.google.com/logging/docs/structured-logging */
function toGcp(line: LogLine, project: string | null): object {
  const { level, time, msg, name, version, err, trace_id, span_id, trace_flags, ...rest } = line;
  const { pid: _pid, hostname: _hostname, method, path, status, ms, address, ...more } = rest;
  return {
    severity: SEVERITIES[level] ?? 'DEFAULT',
    time,
    message: msg ?? err?.message,
    serviceContext: { service: name, version },
    ...(ms === undefined
      ? { method, path, status, address }
      : {
          httpRequest: {
            requestMethod: method,
            requestUrl: path,
            status,
            latency: `${ms / 1000}s`,
            remoteIp: address,
          },
        }),
    ...(err ? { stack_trace: err.stack, error: { type: err.type, code: err.code } } : {}),
    ...(trace_id === undefined
      ? {}
      : {
          'logging.googleapis.com/trace':
            project === null ? trace_id : `projects/${project}/traces/${trace_id}`,
          'logging.googleapis.com/spanId': span_id,
          'logging.googleapis.com/trace_sampled': trace_flags === '01',
        }),
    ...more,
  };
}

/** https://www.elastic.co/docs/reference/ecs; with dots in names, as its loggers write it. */
function toEcs(line: LogLine): object {
  const { level, time, msg, name, version, pid, hostname, context, request_id, err, ...rest } = line;
  const {
    method,
    path,
    status,
    ms,
    service,
    address,
    trace_id,
    span_id,
    trace_flags: _flags,
    ...more
  } = rest;
  return {
    '@timestamp': time,
    'log.level': level,
    message:
      msg ?? err?.message ?? (ms === undefined ? '' : `${method ?? '-'} ${path ?? '-'} ${status ?? ''}`),
    'ecs.version': '8.17.0',
    'service.name': name,
    'service.version': version,
    'process.pid': pid,
    'host.hostname': hostname,
    'log.logger': context,
    'http.request.id': request_id,
    'http.request.method': method,
    'url.path': path,
    'http.response.status_code': status,
    'event.duration': ms === undefined ? undefined : ms * 1e6,
    'client.address': address,
    // The service that called.
    'service.origin.name': service,
    'trace.id': trace_id,
    'span.id': span_id,
    ...(err
      ? {
          'error.type': err.type,
          'error.message': err.message,
          'error.stack_trace': err.stack,
          'error.code': err.code,
        }
      : {}),
    ...more,
  };
}

const COLOURS: Readonly<Record<string, 'red' | 'yellow' | 'green' | 'gray'>> = {
  fatal: 'red',
  error: 'red',
  warn: 'yellow',
  info: 'green',
};
const LEVEL_WIDTH = 5;
/** Others are quoted: a caller's text must not move the cursor, or look like another member. */
const PLAIN = /^[\x21-\x7e]+$/;

/** For people; at a terminal in colours, unless NO_COLOR is set. */
function toPretty(line: LogLine): string {
  const { level, time, msg, context, err, method, path, status, ms, ...rest } = line;
  const { pid: _pid, hostname: _hostname, name: _name, version: _version, ...more } = rest;
  const request = ms === undefined ? [] : [method ?? '-', shown(path ?? '-'), status, `${ms} ms`];
  const parts = [
    styleText('gray', clock(time)),
    styleText(COLOURS[level] ?? 'gray', level.toUpperCase().padEnd(LEVEL_WIDTH)),
    context === undefined ? '' : styleText('gray', `[${context}]`),
    printable(msg ?? err?.message ?? ''),
    ...request,
    ...Object.entries(ms === undefined ? { method, path, status, ...more } : more)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${styleText('gray', `${key}=`)}${shown(value)}`),
  ];
  const text = parts.filter((part) => part !== '').join(' ');
  return err?.stack === undefined ? text : `${text}\n${printable(err.stack).replaceAll(/^/gm, '    ')}`;
}

/** Control characters of a library's text would reach the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, ' ');
}

function shown(value: unknown): string {
  return typeof value === 'string' && PLAIN.test(value) ? value : JSON.stringify(value);
}

/** The hour of this machine, where its reader is. */
function clock(time: string): string {
  const at = new Date(time);
  return `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
