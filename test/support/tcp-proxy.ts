import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface TcpProxy {
  readonly port: number;
  /** New connections go there; those that are there stay where they are. */
  lead(port: number): void;
  /** Ends the connections that are there, and refuses others until `lead`. */
  cut(): void;
  /** What the server sends on the connections that are there is lost from now on; they stay open. */
  silence(): void;
  /** As a host that lost its power: nothing arrives any more, in either direction, and a new connection gets no answer. Until `lead`. */
  vanish(): void;
  /** Ends the connection that first sends such a statement to the server. @param cut null: none @returns when it has */
  cutAt(cut: Cut | null): Promise<void>;
  /** Ends the connection whose transaction holds this statement once the server has committed it, before its client knows. */
  loseCommitOf(statement: string): Promise<void>;
  close(): Promise<void>;
}

export interface Cut {
  /** The whole statement, as a simple query. */
  readonly statement: RegExp;
  /** What the connection has sent before it, since this was asked for. */
  readonly after: RegExp;
  /** Whether the server still gets the statement, and only its response is lost. */
  readonly isReceived: boolean;
}

/**
 * What stands before a database and moves with a failover, without ending the connections it has.
 * @param delayMs before it opens a connection, as a server that is far or busy
 */
export async function startTcpProxy(firstPort: number, delayMs = 0): Promise<TcpProxy> {
  let target: number | null = firstPort;
  let hasVanished = false;
  let pending: { readonly cut: Cut; readonly found: () => void } | null = null;
  let lost: { readonly text: string; readonly done: () => void } | null = null;
  const sockets = new Set<Socket>();
  const silences = new Map<Socket, () => void>();
  const disappearances = new Map<Socket, () => void>();
  const pass = (inbound: Socket) => {
    if (hasVanished) {
      sockets.add(inbound);
      inbound.on('close', () => sockets.delete(inbound));
      return;
    }
    if (target === null) {
      inbound.destroy();
      return;
    }
    const outbound = connect(target, '127.0.0.1');
    let uncommitted: typeof lost = null;
    let said = '';
    const watched = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        if (lost && chunk.includes(lost.text)) {
          uncommitted = lost;
          lost = null;
        }
        if (uncommitted && chunk.includes('COMMIT')) {
          const { done: found } = uncommitted;
          outbound.unpipe(inbound).resume();
          outbound.once('data', () => {
            inbound.destroy();
            found();
          });
        }
        if (!pending) {
          said = '';
          done(null, chunk);
          return;
        }
        const { cut, found } = pending;
        const isIt = cut.after.test(said) && queriesOf(chunk).some((text) => cut.statement.test(text));
        said += chunk.toString('latin1');
        if (!isIt) {
          done(null, chunk);
          return;
        }
        pending = null;
        found();
        if (cut.isReceived) outbound.write(chunk, () => inbound.destroy());
        else inbound.destroy();
      },
    });
    inbound.pipe(watched).pipe(outbound);
    outbound.pipe(inbound);
    silences.set(inbound, () => outbound.unpipe(inbound).resume());
    disappearances.set(inbound, () => {
      inbound.unpipe(watched).pause();
      outbound.unpipe(inbound).resume();
    });
    inbound.on('close', () => {
      silences.delete(inbound);
      disappearances.delete(inbound);
    });
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  };
  const server = createServer((inbound) => {
    inbound.on('error', () => inbound.destroy());
    if (delayMs > 0) setTimeout(pass, delayMs, inbound);
    else pass(inbound);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    lead: (port) => {
      target = port;
      if (hasVanished) for (const socket of sockets) socket.destroy();
      hasVanished = false;
    },
    cut: () => {
      target = null;
      for (const socket of sockets) socket.destroy();
    },
    silence: () => {
      for (const silence of silences.values()) silence();
    },
    vanish: () => {
      hasVanished = true;
      for (const disappear of disappearances.values()) disappear();
    },
    cutAt: (cut) =>
      new Promise((resolve) => {
        pending = cut && { cut, found: resolve };
      }),
    loseCommitOf: (text) =>
      new Promise((resolve) => {
        lost = { text, done: resolve };
      }),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The simple queries of a chunk that begins with a message: type, length, text. */
function queriesOf(chunk: Buffer): string[] {
  const queries: string[] = [];
  for (let at = 0; at + 5 < chunk.length;) {
    const end = at + 1 + chunk.readInt32BE(at + 1);
    if (end < at + 5 || end > chunk.length) break;
    if (chunk[at] === 0x51) queries.push(chunk.toString('utf8', at + 5, end - 1));
    at = end;
  }
  return queries;
}
