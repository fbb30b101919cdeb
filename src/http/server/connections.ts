import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

const MAX_CONNECTIONS = 10_000;
const MIN_CONNECTIONS = 16;
/** Open files that the broker needs besides connections: its log, its key ring, sockets of the runtime. */
const OTHER_FILES = 64;
/** A connection is given up only when it had at least this long: its request may be there and not be read yet. */
const MIN_WAIT_MS = 50;
/** Idle connections are closed to make room, and the operator is told, not more often than this. */
const CLEARANCE_MS = 1_000;
const WARNING_MS = 60_000;

/** As many as the system's limit of open files leaves: when that is reached, not even the database can be asked. */
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
 * Bounds how many connections there are. At the bound, the one that has waited longest for its request to become complete
 * makes room for the next: an honest caller sends its request at once, and one that fills the broker up with silent
 * connections loses those. Then idle ones make room. Only where every connection has a call under way, the next is refused.
 * @param listeners.giveUp ends a connection whose request is not complete, at once
 */
export function boundConnections(
  server: Server,
  max: number,
  { giveUp, warn }: { giveUp: (socket: Socket) => void; warn: () => void },
): void {
  const incomplete = new Incomplete();
  const open = new Set<Socket>();
  const mayClear = atMostEvery(CLEARANCE_MS);
  const mayWarn = atMostEvery(WARNING_MS);
  // Not by `maxConnections` of Node, which refuses the next one whatever the others do.
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    incomplete.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      incomplete.delete(socket);
    });
    if (open.size <= max) return;
    const oldest = incomplete.oldest();
    if (oldest) {
      // Now, and not when it says that it is closed: many can come before that.
      open.delete(oldest);
      incomplete.delete(oldest);
      giveUp(oldest);
      return;
    }
    if (mayClear()) {
      server.closeIdleConnections();
      for (const each of open) if (each.destroyed) open.delete(each);
      if (open.size <= max) return;
    }
    socket.destroy();
    open.delete(socket);
    if (mayWarn()) warn();
  });
  // First of all listeners, so that a request is known before it is answered.
  server.prependListener('request', (request: IncomingMessage) => {
    if (hasBody(request)) incomplete.add(request.socket, request);
    else incomplete.delete(request.socket);
  });
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

/** Connections whose request is not complete, in the order in which they came or began it. */
class Incomplete {
  readonly #waiting = new Map<Socket, { readonly since: number; readonly request: IncomingMessage | null }>();

  /** @param request once its headers are there */
  add(socket: Socket, request: IncomingMessage | null = null): void {
    const known = this.#waiting.get(socket);
    // The request before it on this connection is over.
    if (known?.request?.complete) this.#waiting.delete(socket);
    const since = known && !known.request?.complete ? known.since : performance.now();
    this.#waiting.set(socket, { since, request });
  }

  delete(socket: Socket): void {
    this.#waiting.delete(socket);
  }

  /** The one that has waited longest, if that is long enough. */
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
