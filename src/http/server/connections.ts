import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const MAX_CONNECTIONS = 10_000;
const MIN_CONNECTIONS = 16;
/** Open files besides connections: log, key ring, sockets of the runtime. */
const OTHER_FILES = 64;
/** No connection is evicted earlier: its request may have arrived and not be read yet. */
const MIN_WAIT_MS = 50;
/** How often idle connections are closed at most, and the log warns. */
const CLEARANCE_MS = 1_000;
const WARNING_MS = 60_000;

/**
 * The connections that the limit of open files leaves. At that limit the broker could not even reach the database.
 * @param outgoing connections to PostgreSQL and Google
 */
export function defaultMaxConnections(outgoing: number): number {
  const left = openFilesLimit() - outgoing - OTHER_FILES;
  return Math.max(MIN_CONNECTIONS, Math.min(MAX_CONNECTIONS, left));
}

function openFilesLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    // Not Linux.
    return Infinity;
  }
}

/**
 * Bounds the number of connections. At the limit, the connection whose request has been incomplete longest is evicted: an
 * honest caller sends its request at once, and one that opens many silent connections loses those. Then idle connections
 * are closed, and then the one without a request in flight whose last response is longest ago: its next request may have begun, and
 * Node does not take it for idle then. A new connection is refused only while each of the others has a request in flight, or had its
 * response a moment ago.
 * @param listeners.evict closes a connection whose request is not complete, at once
 * @returns must be called with each request, before it is answered
 */
export function boundConnections(
  server: Server,
  max: number,
  { evict, warn }: { evict: (socket: Socket) => void; warn: () => void },
): (request: IncomingMessage, response: ServerResponse) => void {
  const incomplete = new Incomplete();
  const open = new Set<Socket>();
  /** The response to the last request of each connection that has one in flight: several may be pipelined. */
  const inFlight = new Map<Socket, ServerResponse>();
  /** Those that have had all responses, the longest ago first: when, and how many bytes had been read of each by then. */
  const answered = new Map<Socket, { readonly bytesRead: number; readonly at: number }>();
  const mayClear = atMostEvery(CLEARANCE_MS);
  const mayWarn = atMostEvery(WARNING_MS);
  const forget = (socket: Socket): void => {
    open.delete(socket);
    incomplete.delete(socket);
    inFlight.delete(socket);
    answered.delete(socket);
  };
  // One for all: a closure for each response would cost more.
  function onResponseClose(this: ServerResponse): void {
    const { socket } = this.req;
    if (inFlight.get(socket) !== this) return;
    inFlight.delete(socket);
    answered.set(socket, { bytesRead: socket.bytesRead, at: performance.now() });
  }
  // Node's own `maxConnections` would always refuse the new one.
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    incomplete.add(socket);
    socket.once('close', () => {
      forget(socket);
    });
    if (open.size <= max) return;
    // Each is forgotten at once, not when it emits 'close': many can connect before that.
    const oldest = incomplete.oldest();
    if (oldest) {
      forget(oldest);
      evict(oldest);
      return;
    }
    if (mayClear()) {
      server.closeIdleConnections();
      for (const each of open) if (each.destroyed) forget(each);
      if (open.size <= max) return;
    }
    for (const [longest, { bytesRead, at }] of answered) {
      // The others have sent their next request, perhaps: refusing the new connection loses less.
      if (performance.now() - at < MIN_WAIT_MS) break;
      forget(longest);
      // Where nothing more has arrived, there is no request to answer.
      if (longest.bytesRead > bytesRead) evict(longest);
      else longest.destroy();
      return;
    }
    forget(socket);
    socket.destroy();
    if (mayWarn()) warn();
  });
  return (request, response) => {
    const { socket } = request;
    // Its body may not have arrived.
    if (hasBody(request)) incomplete.add(socket, request);
    else incomplete.delete(socket);
    answered.delete(socket);
    inFlight.set(socket, response);
    response.on('close', onResponseClose);
  };
}

function atMostEvery(ms: number): () => boolean {
  let last = -Infinity;
  return () => {
    const now = performance.now();
    if (now - last < ms) return false;
    last = now;
    return true;
  };
}

/** Connections with an incomplete request, oldest first. */
class Incomplete {
  readonly #waiting = new Map<Socket, { readonly since: number; readonly request: IncomingMessage | null }>();

  /** @param request once its headers arrived */
  add(socket: Socket, request: IncomingMessage | null = null): void {
    const waiting = this.#waiting.get(socket);
    // The connection's previous request is finished.
    if (waiting?.request?.complete) this.#waiting.delete(socket);
    const since = waiting && !waiting.request?.complete ? waiting.since : performance.now();
    this.#waiting.set(socket, { since, request });
  }

  delete(socket: Socket): void {
    this.#waiting.delete(socket);
  }

  /** The connection that has waited longest, if it waited MIN_WAIT_MS. */
  oldest(): Socket | null {
    const youngest = performance.now() - MIN_WAIT_MS;
    for (const [socket, { since, request }] of this.#waiting) {
      if (request?.complete) this.#waiting.delete(socket);
      else return since <= youngest ? socket : null;
    }
    return null;
  }
}

export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
