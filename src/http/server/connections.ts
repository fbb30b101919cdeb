import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const MAX_CONNECTIONS = 10_000;
const MIN_CONNECTIONS = 16;
/** Open files other than connections: log, key ring, sockets of the runtime. */
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
  const open = new Map<Socket, Connection>();
  /** Connections without a complete request, and those that have had all responses: the longest first. */
  const [incomplete, answered] = [new Queue(), new Queue()];
  const mayClear = atMostEvery(CLEARANCE_MS);
  const mayWarn = atMostEvery(WARNING_MS);
  const forget = (socket: Socket): void => {
    const connection = open.get(socket);
    open.delete(socket);
    connection?.incomplete.leave();
    connection?.answered.leave();
  };
  // One for all: a closure for each response would cost more.
  function onResponseClose(this: ServerResponse): void {
    const { socket } = this.req;
    const connection = open.get(socket);
    if (connection?.inFlight !== this) return;
    connection.inFlight = null;
    connection.bytesRead = socket.bytesRead;
    answered.add(connection.answered);
  }
  // Node's own `maxConnections` would always refuse the new one.
  server.on('connection', (socket: Socket) => {
    const connection = new Connection(socket);
    open.set(socket, connection);
    incomplete.add(connection.incomplete);
    socket.once('close', () => {
      forget(socket);
    });
    if (open.size <= max) return;
    // Each is forgotten at once, not when it emits 'close': many can connect before that.
    const oldest = oldestIncomplete(incomplete)?.socket;
    if (oldest) {
      forget(oldest);
      evict(oldest);
      return;
    }
    if (mayClear()) {
      server.closeIdleConnections();
      for (const each of open.keys()) if (each.destroyed) forget(each);
      if (open.size <= max) return;
    }
    // The others have sent their next request, perhaps: refusing the new connection loses less.
    const longest = answered.first();
    if (longest && hasWaited(longest.answered)) {
      const { socket: former, bytesRead } = longest;
      forget(former);
      // Where nothing more has arrived, there is no request to answer.
      if (former.bytesRead > bytesRead) evict(former);
      else former.destroy();
      return;
    }
    forget(socket);
    socket.destroy();
    if (mayWarn()) warn();
  });
  return (request, response) => {
    const connection = open.get(request.socket);
    // Evicted, or closed.
    if (!connection) return;
    if (hasBody(request)) {
      // The body may not have arrived. Where the connection waited for the headers already, it still does.
      if (!connection.isIncomplete) incomplete.add(connection.incomplete);
      connection.request = request;
    } else connection.incomplete.leave();
    connection.answered.leave();
    connection.inFlight = response;
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

class Connection {
  readonly incomplete = new Place(this);
  readonly answered = new Place(this);
  /** The last one with a body. */
  request: IncomingMessage | null = null;
  /** To the last request, while there is one in flight: several may be pipelined. */
  inFlight: ServerResponse | null = null;
  /** When it had its last response. */
  bytesRead = 0;

  constructor(readonly socket: Socket) {}

  get isIncomplete(): boolean {
    return this.incomplete.isQueued && this.request?.complete !== true;
  }
}

/** Of a connection in a queue. */
class Place {
  before: Place | Queue | null = null;
  after: Place | Queue | null = null;
  /** By performance.now(). */
  since = 0;

  constructor(readonly connection: Connection) {}

  get isQueued(): boolean {
    return this.after !== null;
  }

  leave(): void {
    if (!this.before || !this.after) return;
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = null;
    this.after = null;
  }
}

/**
 * Links and not a Map: with each request a connection leaves one queue and enters the other. A Map that changes so often makes its table
 * again and again, and the former tables, once promoted by V8, keep what was in them until the next major collection: with 32 requests at
 * a time that took 15 ms of each young one.
 */
class Queue {
  before: Place | Queue = this;
  after: Place | Queue = this;

  /** As the last one, from now on. */
  add(place: Place): void {
    place.leave();
    place.since = performance.now();
    place.before = this.before;
    place.after = this;
    this.before.after = place;
    this.before = place;
  }

  first(): Connection | null {
    return this.after instanceof Place ? this.after.connection : null;
  }
}

/** The connection that has waited longest for a complete request, if it waited MIN_WAIT_MS. */
function oldestIncomplete(incomplete: Queue): Connection | null {
  for (let first = incomplete.first(); first; first = incomplete.first()) {
    if (first.isIncomplete) return hasWaited(first.incomplete) ? first : null;
    first.incomplete.leave();
  }
  return null;
}

function hasWaited({ since }: Place): boolean {
  return performance.now() - since >= MIN_WAIT_MS;
}

export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
