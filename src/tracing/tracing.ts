/**
 * What the broker knows of traces: a span for a request, for one that it sends and for a statement, and the context that is
 * passed on with a webhook, an audit event and a log line. Owns no SDK: open-telemetry.ts does, which is loaded only where traces are asked
 * for. Like proxies, tracing belongs to the process and not to one use of it.
 */
import type { IncomingMessage, RequestListener } from 'node:http';

/** What became of a request. Nothing in it names a user. */
export interface AnsweredRequest {
  /** The pattern; undefined where there is none. */
  readonly route?: string | undefined;
  readonly status: number;
  /** The service that called. */
  readonly service?: string | undefined;
}

/** A request that the broker sends. */
export interface SentRequest {
  readonly method: string;
  readonly url: string;
  /** The path as it may be seen, with placeholders; true: as it is; undefined: not at all. */
  readonly path?: string | true | undefined;
  /** Whether the receiver gets the context, as a header. */
  readonly isPassedOn: boolean;
}

/** A statement that is sent to PostgreSQL. */
export interface SentStatement {
  /** Of a prepared one. */
  readonly name?: string | undefined;
  /** With placeholders for its values. */
  readonly text: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** Of the span under way. */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

export interface Tracing {
  /** @returns a listener that begins a span with each request, and ends it with its response */
  listener(next: RequestListener): RequestListener;
  answered(request: IncomingMessage, answer: AnsweredRequest): void;
  /** Runs something as a part of a request, where it would run as none: a log line, what follows a body. */
  within<T>(request: IncomingMessage, run: () => T): T;
  /** Continues the trace of a stored `traceparent`; null: begins one. */
  resume<T>(traceparent: string | null, run: () => T): T;
  /**
   * A span for a request that is sent, if it is a part of a trace.
   * @param send gets the headers that go with it
   */
  sent<T extends { readonly status: number }>(
    request: SentRequest,
    send: (headers: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T>;
  /** A span for a statement. @returns ends it; null: it is not part of a trace */
  statement(statement: SentStatement): ((error?: unknown) => void) | null;
  /** The context under way, as W3C Trace Context writes it; null: there is none. */
  traceparent(): string | null;
  ids(): TraceIds | null;
  /** Sends what is left, and waits for it a little. */
  stop(): Promise<void>;
}

let current: Tracing | null = null;

/** Null: there are no traces. */
export function tracing(): Tracing | null {
  return current;
}

/** For the rest of the process, or until it is null again. */
export function startTracing(started: Tracing | null): void {
  current = started;
}
