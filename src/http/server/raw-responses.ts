import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BrokerError } from '../../domain/errors.js';
import type { AccessLog } from '../logging/access-log.js';
import { requestId } from '../logging/logger.js';
import { type Problem, problemOf, refusedByFramework } from '../problem/problem.js';
import { OAUTH_HEADERS, PROBLEM_HEADERS, problemHeaders, sendProblem } from '../problem/send-problem.js';
import { toOAuthError } from '../problem/oauth-error.js';
import { isTokenEndpointUrl } from '../token-endpoint.js';
import type { RateLimits } from '../rate-limit/rate-limit.hook.js';

/** How long a response may take to arrive before the connection is destroyed. */
const LINGER_MS = 1000;

const STATUSES: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};

interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A socket of Node's HTTP server, with the response that is being written. */
type HttpSocket = Socket & { readonly _httpMessage?: ServerResponse | null };

/** Sends a problem for what never becomes a request of Fastify; counts and logs it like any other. */
export class RawResponses {
  /** The last request with a body on each connection. */
  readonly #begun = new WeakMap<Socket, ServerResponse>();

  constructor(
    private readonly limits: RateLimits,
    private readonly access: AccessLog,
    private readonly publicUrl: string,
  ) {}

  attach(server: Server): void {
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#onClientError(error, socket as HttpSocket);
    });
    // An expectation other than 100-continue (RFC 9110 section 10.1.1).
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      const problem = this.#refuse(417, request.socket, requestId(request), 'expectation', request);
      const { status, headers, body } = this.#formOf(problem, request);
      response.writeHead(status, { ...headers, connection: 'close' });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
    // The broker is not a proxy. Without a listener, Node closes the connection without a response.
    server.on('connect', (request: IncomingMessage, socket) => {
      const problem = this.#refuse(405, request.socket, requestId(request), 'connect', request);
      this.#write(socket as Socket, this.#formOf(problem), { allow: '' });
    });
  }

  /** For each request with a body, before it is answered. */
  withBody({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#begun.set(socket, response);
  }

  /** Closes a connection before its request is complete, at once. */
  evict(socket: Socket, reason: string): void {
    const problem = this.#refuse(408, socket, randomUUID(), reason);
    if (!this.#isAnswered(socket)) socket.write(toText(this.#formOf(problem)));
    socket.destroy();
  }

  #onClientError(error: NodeJS.ErrnoException, socket: HttpSocket): void {
    // The caller disconnected, or has its response.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || this.#isAnswered(socket)) {
      const { headersSent = false, writableEnded = true } = socket._httpMessage ?? {};
      // The warm path sends what it answered at the end of this turn.
      if (headersSent && !writableEnded) setImmediate(() => socket.destroy());
      else socket.destroy();
      return;
    }
    const request = socket._httpMessage?.req;
    const id = request ? requestId(request) : randomUUID();
    const status = STATUSES[error.code ?? ''] ?? 400;
    const problem = this.#refuse(status, socket, id, error.code ?? 'unknown', request);
    this.#write(socket, this.#formOf(problem, request));
  }

  /** A request can have its response before its body is complete. A second response would belong to no request. */
  #isAnswered(socket: HttpSocket): boolean {
    if (socket.destroyed || socket.writableEnded || socket._httpMessage?.headersSent) return true;
    const begun = this.#begun.get(socket);
    return begun !== undefined && begun.headersSent && !begun.req.complete;
  }

  #refuse(status: number, socket: Socket, id: string, reason: string, request?: IncomingMessage): Problem {
    const waitMs = this.limits.malformed(socket.remoteAddress ?? '');
    const problem =
      waitMs > 0
        ? problemOf(tooMany(Math.ceil(waitMs / 1000)), id)
        : status === 405
          ? problemOf(new BrokerError('method_not_allowed', 'The broker does not proxy requests.'), id)
          : refusedByFramework(status, id);
    const { method, url } = request ?? {};
    const address = request ? this.limits.addresses.of(request) : (socket.remoteAddress ?? 'unknown');
    const { status: sent, code } = problem;
    this.access.refused({ request, address, requestId: id, status: sent, code, ms: 0, method, url, reason });
    return problem;
  }

  /** As send-problem.ts sends it. */
  #formOf(problem: Problem, request?: IncomingMessage): RawResponse {
    const { status, body, headers } = isTokenEndpointUrl(request?.url ?? '')
      ? { ...toOAuthError(problem), headers: OAUTH_HEADERS }
      : { status: problem.status, body: problem, headers: PROBLEM_HEADERS };
    const all = { ...problemHeaders(problem, this.publicUrl), ...headers };
    return { status, headers: all, body: JSON.stringify(body) };
  }

  #write(socket: Socket, response: RawResponse, more: Readonly<Record<string, string>> = {}): void {
    socket.end(toText(response, more));
    // Destroyed at once, the response could be lost: data that still arrives makes the caller's system drop it.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }
}

function tooMany(seconds: number): BrokerError {
  return new BrokerError('rate_limited', 'Too many malformed requests. Try again later.', {
    retry_after: seconds,
  });
}

function toText({ status, headers, body }: RawResponse, more: Readonly<Record<string, string>> = {}): string {
  const all = {
    date: new Date().toUTCString(),
    connection: 'close',
    ...headers,
    ...more,
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', body].join('\r\n');
}

/**
 * Answers what Fastify's router refuses before there is a route: a malformed URL. No hook runs for such a request, so
 * this does what the hooks of pipeline.ts do: headers, rate limit, access log.
 */
export function refuseForRouter(limits: RateLimits, access: AccessLog, publicUrl: string) {
  return (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
    const problem = problemOf(limits.admit(request, reply) ?? error, request.id);
    const tooMany = limits.refused(request, reply, problem);
    const sent = tooMany ? problemOf(tooMany, request.id) : problem;
    sendProblem(request, reply, sent, publicUrl);
    const { method, url } = request;
    access.refused({
      request: request.raw,
      address: limits.addresses.of(request.raw),
      requestId: request.id,
      status: sent.status,
      code: sent.code,
      ms: 0,
      method,
      url,
      reason: 'malformed_url',
    });
  };
}
